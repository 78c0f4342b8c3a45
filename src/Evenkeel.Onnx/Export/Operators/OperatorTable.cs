namespace Evenkeel.Onnx.Export.Operators;

/// <summary>Writes an operation as nodes.</summary>
/// <param name="graph">Where the nodes go.</param>
/// <param name="op">The operation.</param>
/// <returns>The name of its result.</returns>
internal delegate string Write(GraphWriter graph, TracedOp op);

/// <summary>The operations of the library that have a form in ONNX.</summary>
internal static class OperatorTable
{
    private static readonly Dictionary<string, Write> s_writers = All();

    /// <summary>The kinds of all operations, in alphabetical order.</summary>
    public static IEnumerable<string> Kinds => s_writers.Keys.Order(StringComparer.Ordinal);

    public static Write? Find(string kind) => s_writers.GetValueOrDefault(kind);

    private static Dictionary<string, Write> All()
    {
        var all = new Dictionary<string, Write>(StringComparer.Ordinal);
        Elementwise.AddTo(all);
        Shapes.AddTo(all);
        Products.AddTo(all);
        Reductions.AddTo(all);
        Convolutions.AddTo(all);
        Pools.AddTo(all);
        Norms.AddTo(all);
        return all;
    }
}
