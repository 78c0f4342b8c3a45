namespace Evenkeel.Nn;

/// <summary>
/// Settings of poolings as PyTorch prints them: one number if all are the same, otherwise a tuple. PyTorch prints those
/// of a mean over rows as tuples of one.
/// </summary>
internal static class PoolText
{
    public static string Format(Size2 size) => size.Height == size.Width ? $"{size.Width}" : size.ToString();

    public static string Format(in PoolSettings settings, Size3 size, bool isTuple = false) => settings.Spatial switch
    {
        1 => isTuple ? $"({size.Width},)" : $"{size.Width}",
        2 => Format(new Size2(size.Height, size.Width)),
        _ => size == size.Width ? $"{size.Width}" : size.ToString(),
    };

    public static string Padding(in PoolSettings settings, bool isTuple = false)
    {
        Padding p = settings.Padding;
        return p.IsSame || p.IsValid || !p.IsSymmetric
            ? p.ToString()
            : Format(settings, new Size3(p.Front ?? p.Top, p.Top, p.Left), isTuple);
    }
}
