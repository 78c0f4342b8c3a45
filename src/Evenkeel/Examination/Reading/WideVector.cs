namespace Evenkeel.Examination;

/// <summary>The values of a tensor in double.</summary>
internal static class WideVector
{
    /// <summary>All values, row-major.</summary>
    public static double[] Of(Tensor values)
    {
        double[] wide = new double[values.Count];
        for (int i = 0; i < wide.Length; i++) wide[i] = values.ValueAt(i);
        return wide;
    }
}
