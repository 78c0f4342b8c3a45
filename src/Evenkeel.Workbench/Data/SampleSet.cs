using Evenkeel.Data;

namespace Evenkeel.Workbench.Data;

/// <summary>Samples that a network takes, and where they come from.</summary>
/// <param name="Name">What they are for: <c>training</c>, <c>validation</c>, <c>test</c>.</param>
/// <param name="Samples">The samples, prepared. Without targets if the data has none.</param>
/// <param name="NameOf">What a user calls a sample: a file, or a line of a table.</param>
/// <param name="PictureOf">The picture of a sample; null if it is none.</param>
internal sealed record SampleSet(
    string Name, IDataset Samples, Func<int, string> NameOf, Func<int, ByteImage?> PictureOf)
{
    public int Count => Samples.Count;

    /// <summary>Equal for equal files; null for a part of other data.</summary>
    public string? Identity { get; init; }

    /// <summary>Whether what is to be predicted is known.</summary>
    public bool HasTargets { get; init; } = true;

    /// <summary>The same with other samples: a part of a set, or the set with other transforms.</summary>
    /// <param name="name">What they are for.</param>
    /// <param name="samples">The samples of <paramref name="indices"/>, in their order.</param>
    /// <param name="indices">The indices in this set.</param>
    public SampleSet Part(string name, IDataset samples, int[] indices) =>
        new(name, samples, i => NameOf(indices[i]), i => PictureOf(indices[i]));
}
