using Evenkeel.Data;
using Evenkeel.Nn;

namespace Evenkeel.Examination;

/// <summary>Whether the answer to a sample depends on the other samples of its batch, in use.</summary>
/// <param name="Change">
/// The largest change of an output with other samples in the batch, as a share of the range of the outputs; NaN if it
/// could not be measured.
/// </param>
/// <param name="Norms">The norms that use the statistics of the batch in use.</param>
/// <param name="IsRandom">Whether the answer to the same batch changes.</param>
internal sealed record MateDependence(double Change, IReadOnlyList<string> Norms, bool IsRandom)
{
    /// <summary>Whether the change is beyond the bound.</summary>
    public bool IsFound(double bound) => !IsRandom && Change > bound;

    /// <summary>Runs the first samples of the data beside two sets of others.</summary>
    public static MateDependence Measure(DataExamination examination)
    {
        const int most = 16;
        int[] order = examination.Order;
        string[] norms =
            [.. from entry in examination.Model.NamedModules()
                where entry.Module is INormalization { MixesSamples: true }
                select entry.Name];
        int third = Math.Min(most, order.Length / 3);
        if (third == 0) return new MateDependence(double.NaN, norms, IsRandom: false);
        (DataPasses passes, IDataset set) = (examination.Passes, examination.Data.Samples);
        int[] first = order[..(2 * third)];
        int[] second = [.. order[..third], .. order[(2 * third)..(3 * third)]];
        Tensor x = passes.Read(set, first);
        Tensor once = passes.Outputs(PassKind.Use, x), again = passes.Outputs(PassKind.Use, x);
        Tensor beside = passes.Outputs(PassKind.Use, passes.Read(set, second));
        int shared = once.Count / (2 * third) * third;
        return new MateDependence(ChangeOf(once, beside, shared), norms, ChangeOf(once, again, once.Count) > 0);
    }

    /// <summary>The largest difference of the first values, as a share of their range.</summary>
    internal static double ChangeOf(Tensor a, Tensor b, int count)
    {
        double low = double.PositiveInfinity, high = double.NegativeInfinity, change = 0;
        for (int i = 0; i < count; i++)
        {
            double y = a.ValueAt(i), d = Math.Abs(y - b.ValueAt(i));
            if (!double.IsFinite(d)) continue;
            (low, high, change) = (Math.Min(low, y), Math.Max(high, y), Math.Max(change, d));
        }

        return change == 0 ? 0 : change / Math.Max(high - low, double.Epsilon);
    }
}
