namespace Evenkeel.Workbench.Data;

/// <summary>The data of a training, ready for a network.</summary>
/// <param name="Preparation">How files became samples; what is learned in it is of the training part alone.</param>
/// <param name="Training">The samples to learn from.</param>
/// <param name="Validation">The samples that decide which epoch is best.</param>
/// <param name="Test">The samples that only judge the result; null if there are none.</param>
/// <param name="Summary">What the data is, in a line.</param>
/// <param name="Notes">What was guessed, and what looks odd: a sentence each.</param>
/// <param name="Identity">
/// Equal for equal data: a hash of the content of tables, and of the names, classes and sizes of picture files.
/// </param>
internal sealed record PreparedData(
    Preparation Preparation, SampleSet Training, SampleSet Validation, SampleSet? Test, string Summary,
    IReadOnlyList<string> Notes, string Identity)
{
    /// <summary>Threads that should prepare batches.</summary>
    public int Workers { get; init; } = 1;
}
