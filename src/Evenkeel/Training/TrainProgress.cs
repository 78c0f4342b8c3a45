namespace Evenkeel.Training;

/// <summary>The progress of a training. It is a value, so a report allocates no memory.</summary>
/// <param name="Epoch">Epochs completed.</param>
/// <param name="Epochs">Total number of epochs.</param>
/// <param name="Iteration">Iterations completed.</param>
/// <param name="TotalIterations">Total number of iterations.</param>
/// <param name="Loss">Loss of the last iteration, with the L2 penalty.</param>
/// <param name="Last">The record of the last epoch; null before the end of the first one.</param>
/// <param name="ExamplesPerSecond">Training examples per second of training, without evaluation.</param>
/// <param name="IsEpochEnd">Whether an epoch has just ended, so that <paramref name="Last"/> is new.</param>
/// <param name="Note">
/// Something the user should know, for example <c>skipped 2 non-finite batches</c>; null if there is nothing.
/// </param>
public readonly record struct TrainProgress(
    int Epoch,
    int Epochs,
    long Iteration,
    long TotalIterations,
    double Loss,
    EpochRecord? Last,
    double ExamplesPerSecond,
    bool IsEpochEnd,
    string? Note)
{
    /// <inheritdoc/>
    public override string ToString() => InvariantText.Of(nameof(TrainProgress), PrintMembers);
}
