namespace Evenkeel.Cli.Bits;

/// <summary>Shapes as the cases' names write them: <c>8x6x28x28</c>.</summary>
internal static class ShapeName
{
    public static string Of(params ReadOnlySpan<int> shape) => shape.Length == 0 ? "scalar"
        : string.Join('x', shape.ToArray());
}
