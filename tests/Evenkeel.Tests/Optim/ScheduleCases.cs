using Evenkeel.Optim;

namespace Evenkeel.Tests.Optim;

/// <summary>
/// The cases of the golden family "schedules": each option of each schedule, over two groups with rates of their own.
/// tests/golden/generate_schedules.py has PyTorch's side of each name.
/// </summary>
internal static class ScheduleCases
{
    /// <summary>Number of steps.</summary>
    public const int Steps = 50;

    /// <summary>The learning rates of the groups, the largest and the base rates of cycles per group.</summary>
    public static readonly double[] Rates = [0.3, 0.05], Largest = [0.4, 0.1], Base = [0.02, 0.01];

    public static readonly IReadOnlyDictionary<string, Func<Optimizer, LearningRateScheduler>> All =
        new Dictionary<string, Func<Optimizer, LearningRateScheduler>>(StringComparer.Ordinal)
        {
            ["step"] = static o => new StepLR(o, 7, 0.5),
            ["multistep"] = static o => new MultiStepLR(o, [30, 5, 12, 12], 0.5),
            ["exponential"] = static o => new ExponentialLR(o, 0.95),
            ["constant"] = static o => new ConstantLR(o),
            ["constant factor"] = static o => new ConstantLR(o, 0.7, 11),
            ["linear"] = static o => new LinearLR(o),
            ["linear down"] = static o => new LinearLR(o, 1, 0.1, 40),
            ["linear to zero"] = static o => new LinearLR(o, 0.9, 0, 20),
            ["polynomial"] = static o => new PolynomialLR(o),
            ["polynomial power"] = static o => new PolynomialLR(o, 40, 1.7),
            ["cosine"] = static o => new CosineAnnealingLR(o, 50),
            ["cosine again"] = static o => new CosineAnnealingLR(o, 12, 0.01),
            ["cosine one"] = static o => new CosineAnnealingLR(o, 1, 0.01),
            ["restarts"] = static o => new CosineAnnealingWarmRestarts(o, 9),
            ["restarts mult"] = static o => new CosineAnnealingWarmRestarts(o, 4, 3, 0.001),
            ["lambda"] = static o => new LambdaLR(o, static t => 1 / (1 + 0.25 * t)),
            ["lambda groups"] = static o => new LambdaLR(o, [static t => 1 / (1.0 + t), static t => t / 64.0]),
            ["plateau"] = static o => new ReduceLROnPlateau(o, patience: 2),
            ["plateau max"] = static o => new ReduceLROnPlateau(o, PlateauMode.Max, 0.5, 3, threshold: 0.01),
            ["plateau absolute"] = static o => new ReduceLROnPlateau(
                o, PlateauMode.Min, 0.5, 1, 0.05, ThresholdMode.Absolute, cooldown: 4, minLearningRate: 0.02),
            ["plateau max absolute"] = static o => new ReduceLROnPlateau(
                o, PlateauMode.Max, 0.3, 0, 0.1, ThresholdMode.Absolute, cooldown: 1, eps: 1e-3),
            ["onecycle"] = static o => new OneCycleLR(o, 0.4, Steps + 1),
            ["onecycle groups"] = static o => new OneCycleLR(o, Largest, Steps + 1, pctStart: 0.45, divFactor: 10,
                finalDivFactor: 100),
            ["onecycle linear"] = static o => new OneCycleLR(
                o, 0.4, Steps + 1, annealStrategy: AnnealStrategy.Linear, baseMomentum: 0.7, maxMomentum: 0.9),
            ["onecycle three phases"] = static o => new OneCycleLR(o, Largest, Steps + 1, threePhase: true),
            ["onecycle three phases linear"] = static o => new OneCycleLR(
                o, 0.4, Steps + 1, 0.25, AnnealStrategy.Linear, cycleMomentum: false, threePhase: true),
            ["onecycle adam"] = static o => new OneCycleLR(o, 0.4, Steps + 1),
            ["cyclic"] = static o => new CyclicLR(o, 0.02, 0.4, 6),
            ["cyclic groups"] = static o => new CyclicLR(o, Base, Largest, 5, 8, baseMomentum: 0.6, maxMomentum: 0.95),
            ["cyclic triangular2"] = static o => new CyclicLR(o, 0.02, 0.4, 4, 3, CyclicMode.Triangular2),
            ["cyclic exp_range"] = static o => new CyclicLR(
                o, 0.02, 0.4, 4, mode: CyclicMode.ExpRange, gamma: 0.95, cycleMomentum: false),
            ["sequential"] = static o => new SequentialLR(
                o, [new ConstantLR(o, 0.1, 20), new ExponentialLR(o, 0.9)], [15]),
            ["sequential three"] = static o => new SequentialLR(
                o, [new LinearLR(o, 0.1, 1, 10), new CosineAnnealingLR(o, 20, 0.001), new StepLR(o, 4, 0.5)], [10, 30]),
        };

    /// <summary>Whether the optimizer of a case is Adam. Else it is SGD with momentum 0.9.</summary>
    public static bool IsAdam(string name) => name.EndsWith(" adam", StringComparison.Ordinal);

    /// <summary>Whether a case takes the monitored value.</summary>
    public static bool IsMonitored(string name) => name.StartsWith("plateau", StringComparison.Ordinal);

    /// <summary>The value monitored at a step: it falls, jumps and falls again; for "max" it is the negative.</summary>
    public static double Monitored(string name, int t)
    {
        double value = t / 7 * 7 % 5 / 4.0 + 2.0 / (1 + t) + t * 5 % 8 / 64.0;
        return name.Contains("max", StringComparison.Ordinal) ? -value : value;
    }

    /// <summary>An optimizer of two groups.</summary>
    public static Optimizer Make(bool isAdam)
    {
        ParameterGroup[] groups =
            [.. Rates.Select(static rate => new ParameterGroup([new Parameter(Tensor.Ones([1]))], rate))];
        return isAdam ? new Adam(groups) : new SGD(groups, momentum: 0.9);
    }

    /// <summary>At each count from 0 to <see cref="Steps"/>: the rates of both groups and the momentum.</summary>
    public static double[] Run(string name)
    {
        Optimizer optimizer = Make(IsAdam(name));
        LearningRateScheduler schedule = All[name](optimizer);
        schedule.Start();
        var result = new List<double>();
        for (int t = 0; ; t++)
        {
            result.AddRange([optimizer.Groups[0].LearningRate, optimizer.Groups[1].LearningRate,
                optimizer.Groups[0].Momentum]);
            if (t == Steps) return [.. result];
            Step(schedule, name, t);
        }
    }

    /// <summary>The step of a schedule, with the monitored value if it takes one.</summary>
    public static void Step(LearningRateScheduler schedule, string name, int t)
    {
        if (schedule is ReduceLROnPlateau plateau) plateau.Step(Monitored(name, t));
        else schedule.Step();
    }
}
