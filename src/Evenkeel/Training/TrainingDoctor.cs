using Evenkeel.Examination;

namespace Evenkeel.Training;

/// <summary>
/// Looks at a training while it runs, and says what is wrong as soon as it shows: the rules EK301 to EK314. A rule says
/// each finding once a layer. What was said is in <see cref="History.Findings"/>, and
/// <see cref="Callback.OnFinding"/> gets it at once.
/// </summary>
/// <remarks>
/// <para>It only reads: weights, running statistics and scores of a training have the same bits with it and without
/// it.</para>
/// <para>Most rules look at every twentieth step (<see cref="Every"/>). Of a weight of more than 1,024 values they look
/// at 16 blocks of 64 values, so that a look costs the same for every size. The statistics of batches are taken in the
/// last steps of an epoch: a quarter of it, from 8 to 32 steps.</para>
/// <para>What a rule has seen is part of a checkpoint: a resumed training says what an undisturbed one says, and
/// nothing twice.</para>
/// </remarks>
public sealed class TrainingDoctor
{
    /// <summary>Which rules are checked, from which bounds on, and rules of your own
    /// (<see cref="TrainingRule"/>).</summary>
    public DoctorOptions Options { get; init; } = new();

    /// <summary>Steps from one look to the next. Default: 20.</summary>
    public int Every
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            field = value;
        }
    } = 20;

    /// <summary>
    /// The group in which each member trains a copy of the same model: EK313 compares the copies. Every member's
    /// trainer has a doctor with its member of the group. Null for a training by itself. Default: null.
    /// </summary>
    public ICollective? Collective { get; init; }

    /// <summary>Steps from one comparison of the copies in a group to the next. Default: 100.</summary>
    public int CompareEvery
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            field = value;
        }
    } = 100;
}

/// <summary>Something that a rule has found in a training.</summary>
/// <param name="Iteration">Iterations done when it was found.</param>
/// <param name="Epoch">Epochs done when it was found.</param>
/// <param name="Finding">What was found.</param>
public sealed record TrainingFinding(long Iteration, int Epoch, Finding Finding)
{
    /// <inheritdoc/>
    public override string ToString() => InvariantText.Of(nameof(TrainingFinding), PrintMembers);
}
