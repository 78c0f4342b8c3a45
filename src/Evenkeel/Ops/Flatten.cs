namespace Evenkeel;

public sealed partial class Tensor
{
    /// <summary>
    /// Merges neighbouring dimensions into one: (2, 3, 4, 5) gives (120), and (2, 60) from axis 1 on. It costs nothing:
    /// the result shares this tensor's memory. A scalar becomes a vector of one element.
    /// </summary>
    /// <param name="startAxis">The first of these dimensions; negative ones count from the end. Default: 0.</param>
    /// <param name="endAxis">The last of these dimensions; negative ones count from the end. Default: -1.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// An axis does not exist, or the first one is behind the last one.
    /// </exception>
    public Tensor Flatten(int startAxis = 0, int endAxis = -1)
    {
        if (Shape.Rank == 0 && startAxis is 0 or -1 && endAxis is 0 or -1) return Reshape(new Shape(1));
        int start = Broadcasting.Axis("Flatten", Shape, startAxis), end = Broadcasting.Axis("Flatten", Shape, endAxis);
        if (start > end)
        {
            throw new ArgumentOutOfRangeException(nameof(startAxis), $"Flatten: expected a start axis that is not "
                + $"behind the end axis for shape {Shape}, got {startAxis} and {endAxis}.");
        }

        Span<int> sizes = stackalloc int[Shape.Rank - (end - start)];
        for (int i = 0; i < start; i++) sizes[i] = Shape[i];
        sizes[start] = 1;
        for (int i = start; i <= end; i++) sizes[start] *= Shape[i];
        for (int i = end + 1; i < Shape.Rank; i++) sizes[i - (end - start)] = Shape[i];
        return Reshape(new Shape(sizes));
    }
}
