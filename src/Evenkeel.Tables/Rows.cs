namespace Evenkeel.Tables;

/// <summary>Numbers of rows.</summary>
internal static class Rows
{
    /// <summary>0 to <paramref name="count"/> - 1.</summary>
    public static int[] All(int count)
    {
        int[] all = new int[count];
        for (int i = 0; i < count; i++) all[i] = i;
        return all;
    }
}
