namespace Evenkeel.Examination;

/// <summary>Values that are not finite.</summary>
internal static class NotFinite
{
    /// <summary>How many of the values are not finite; 0 for none.</summary>
    public static long Count(ReadOnlySpan<double> values)
    {
        long count = 0;
        foreach (double value in values)
        {
            if (!double.IsFinite(value)) count++;
        }

        return count;
    }
}
