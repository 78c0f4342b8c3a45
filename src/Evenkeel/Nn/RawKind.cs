namespace Evenkeel.Nn;

/// <summary>The type and the shape of values in a file that no <see cref="Tensor"/> holds.</summary>
/// <param name="Type">As the file calls it, for example <c>BOOL</c>.</param>
/// <param name="Shape">The sizes of the dimensions; there may be more of them, and larger ones, than a tensor's shape
/// has.</param>
internal sealed record RawKind(string Type, long[] Shape)
{
    /// <summary>For example <c>BOOL of shape (2, 3)</c>.</summary>
    public override string ToString() => $"{Type} of shape ({string.Join(", ", Shape)})";
}
