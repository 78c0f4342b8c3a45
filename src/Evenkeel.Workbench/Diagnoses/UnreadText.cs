using Evenkeel.Examination;

namespace Evenkeel.Workbench.Diagnoses;

/// <summary>What of a graph could not be read, in few lines: one per reason, with the nodes.</summary>
internal static class UnreadText
{
    private const int MostNamed = 3;

    /// <summary>The nodes that are damaged, and those whose operator is not known.</summary>
    public static IEnumerable<GraphRemark> Of(ExaminedNetwork network) =>
        network.Remarks.Where(static remark => remark.Kind == GraphRemarkKind.Unsupported);

    /// <summary>The lines, for example <c>LSTM "z": the operator is not known</c>.</summary>
    /// <param name="network">The network.</param>
    public static IEnumerable<string> Lines(ExaminedNetwork network) => Of(network)
        .GroupBy(static remark => remark.Detail, StringComparer.Ordinal)
        .Select(static reason => $"{Named([.. reason.Select(static remark => remark.Node)])}: {reason.Key}");

    private static string Named(string[] nodes) => nodes.Length <= MostNamed ? string.Join(", ", nodes)
        : $"{string.Join(", ", nodes.Take(MostNamed))} and {nodes.Length - MostNamed} more";
}
