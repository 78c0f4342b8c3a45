using Evenkeel.Nn;

namespace Evenkeel.Tests.Nn;

/// <summary>
/// What two courses mean by batch norm: conventions that a user writes as changes of a library's. docs/conventions.md
/// has the lines.
/// </summary>
internal static class CourseConventions
{
    /// <summary>The notebook of CS231n, <c>batchnorm_forward</c>: rows only.</summary>
    public static NormConvention Cs231n { get; } = NormConvention.Onnx with
    {
        Name = "CS231n",
        Average = Evenkeel.Lab.Experiments.Cs231n.Average,
        Ranks = RankRule.Of(2),
        RMSNormEps = null,
    };

    /// <summary>"Dive into Deep Learning", the layer from scratch: rows and images.</summary>
    public static NormConvention D2l { get; } =
        NormConvention.Onnx with { Name = "D2L", Ranks = RankRule.Of(2, 4), RMSNormEps = null };

    /// <summary>The library's presets, then the courses': the columns of the page's tables.</summary>
    public static IReadOnlyList<NormConvention> Columns { get; } = [.. NormConvention.All, Cs231n, D2l];
}
