using System.Globalization;
using System.Text;
using Evenkeel.Serialization;

namespace Evenkeel.Training;

/// <summary>
/// Writes a row per epoch into a CSV file: <c>epoch</c>, <c>iteration</c>, <c>learning_rate</c>, <c>loss</c>, and the
/// scores as <c>training_accuracy</c>, <c>validation_loss</c> and so on. The columns are those of the first epoch.
/// </summary>
/// <remarks>
/// The file is written anew at the end of each epoch, from the whole <see cref="Trainer.History"/>, as a whole or not
/// at all. So a resumed run leaves the file of an undisturbed one. Of several processes the first one writes.
/// </remarks>
/// <param name="path">The file; its folder must exist.</param>
public sealed class CsvLog(string path) : Callback
{
    /// <summary>The file.</summary>
    public string Path { get; } = path;

    /// <summary>Removes what a killed process has left half-written.</summary>
    /// <param name="trainer">The trainer.</param>
    public override void OnFitBegin(Trainer trainer)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        if (trainer.IsWriter) AtomicFile.RemoveLeftovers(Path);
    }

    /// <inheritdoc/>
    public override void OnEpochEnd(Trainer trainer, EpochRecord record)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        if (!trainer.IsWriter) return;
        IReadOnlyList<EpochRecord> epochs = trainer.History.Epochs;
        string[] training = [.. epochs[0].Training?.Keys ?? []], validation = [.. epochs[0].Validation?.Keys ?? []];
        var text = new StringBuilder("epoch,iteration,learning_rate,loss");
        foreach (string name in training) text.Append(",training_").Append(Cell(name));
        foreach (string name in validation) text.Append(",validation_").Append(Cell(name));
        text.Append('\n');
        foreach (EpochRecord epoch in epochs)
        {
            CultureInfo culture = CultureInfo.InvariantCulture;
            text.Append(culture, $"{epoch.Epoch},{epoch.Iteration},{epoch.LearningRate:R},{epoch.TrainingLoss:R}");
            foreach (string name in training) text.Append(culture, $",{ValueOf(epoch.Training, name):R}");
            foreach (string name in validation) text.Append(culture, $",{ValueOf(epoch.Validation, name):R}");
            text.Append('\n');
        }

        AtomicFile.WriteText(Path, text.ToString());
    }

    private static double ValueOf(Scores? scores, string name) =>
        scores is not null && scores.TryGetValue(name, out double value) ? value : double.NaN;

    private static string Cell(string name) =>
        name.AsSpan().IndexOfAny(",\"\r\n") < 0 ? name : $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
