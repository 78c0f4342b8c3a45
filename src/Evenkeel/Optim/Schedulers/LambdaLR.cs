namespace Evenkeel.Optim;

/// <summary>
/// lr = lr₀·f(t), with a function of the user's. Semantics of <c>torch.optim.lr_scheduler.LambdaLR</c>.
/// </summary>
/// <remarks>The function is not part of a state: give the same one to the schedule that loads it.</remarks>
public sealed class LambdaLR : LearningRateScheduler
{
    private readonly Func<long, double>[] _functions;

    /// <summary>Creates the schedule with one function for all groups.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="function">The factor of the base rate at a count.</param>
    public LambdaLR(Optimizer optimizer, Func<long, double> function)
        : base(optimizer)
    {
        ArgumentNullException.ThrowIfNull(function);
        _functions = [function];
        Await();
    }

    /// <summary>Creates the schedule with a function per group.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="functions">The functions, one per group of the optimizer.</param>
    /// <exception cref="ArgumentException">There is not one function per group, or one is null.</exception>
    public LambdaLR(Optimizer optimizer, IReadOnlyList<Func<long, double>> functions)
        : base(optimizer)
    {
        ArgumentNullException.ThrowIfNull(functions);
        if (functions.Count != optimizer.Groups.Count || functions.Contains(null!))
        {
            throw new ArgumentException(
                $"LambdaLR: expected {optimizer.Groups.Count} functions, one per group, got {functions.Count}"
                + $"{(functions.Contains(null!) ? ", null among them" : "")}.", nameof(functions));
        }

        _functions = [.. functions];
        Await();
    }

    internal override ReadOnlySpan<Setting> Settings => [];

    internal override double RateAt(int group, long count, double baseRate, double rate)
    {
        double factor = _functions[Math.Min(group, _functions.Length - 1)](count);
        return factor >= 0 && double.IsFinite(factor)
            ? baseRate * factor
            : throw new InvalidOperationException(
                $"LambdaLR: expected a factor of 0 or more and finite at count {count}, got {factor}.");
    }
}
