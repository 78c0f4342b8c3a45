namespace Evenkeel.Training;

/// <summary>
/// Writes a line per epoch, for example <c>epoch 3/10: loss 0.2154; validation loss 0.2302, accuracy 0.9355; 12,345
/// samples/s</c>.
/// </summary>
/// <param name="writer">Where to, for example <see cref="Console.Error"/>.</param>
public sealed class ProgressLog(TextWriter writer) : Callback
{
    /// <inheritdoc/>
    public override void OnEpochEnd(Trainer trainer, EpochRecord record)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        ArgumentNullException.ThrowIfNull(record);
        writer.WriteLine($"epoch {record.Epoch}/{trainer.Options.Epochs}: {record.Losses}; "
            + $"{trainer.ExamplesPerSecond:N0} samples/s");
    }
}
