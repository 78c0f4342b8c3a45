using Evenkeel.Examination;
using Evenkeel.Nn;

namespace Evenkeel.Tests.Examination;

/// <summary>Injuries of healthy networks, one for each finding.</summary>
internal static class Injuries
{
    /// <summary>What is done to a healthy network, its second batch norm and the weight before that.</summary>
    public delegate void Injury(Module model, BatchNorm norm, Tensor weight);

    /// <summary>The injuries: the rule that finds it, and how harmful it is.</summary>
    public static readonly Dictionary<string, (string Rule, FindingLevel Level, Injury Injure)> All =
        new(StringComparer.Ordinal)
        {
            ["NaN in a variance"] = ("EK101", FindingLevel.Error,
                static (_, norm, _) => Patients.Set(norm.Running!.Variance.Value, 3, double.NaN)),
            ["infinite weight"] = ("EK101", FindingLevel.Error,
                static (_, _, weight) => Patients.Set(weight, 7, double.PositiveInfinity)),
            ["negative variance"] = ("EK102", FindingLevel.Error,
                static (_, norm, _) => Patients.Set(norm.Running!.Variance.Value, 3, -0.25)),
            ["start values"] = ("EK103", FindingLevel.Error, static (_, norm, _) => norm.Running!.Reset()),
            ["ten batches"] = ("EK104", FindingLevel.Error, static (model, _, _) => CountBatches(model, 10)),
            ["thirty batches"] = ("EK104", FindingLevel.Warning, static (model, _, _) => CountBatches(model, 30)),
            ["other count"] = ("EK105", FindingLevel.Note,
                static (_, norm, _) => norm.Running!.NumBatchesTracked.Value.Fill(500)),
            ["one small variance"] = ("EK106", FindingLevel.Note, static (_, norm, _) => SmallVariances(norm, 1)),
            ["small variances"] = ("EK106", FindingLevel.Warning, static (_, norm, _) => SmallVariances(norm, 6)),
            ["collapsed filter"] = ("EK107", FindingLevel.Note, static (_, _, weight) => Collapse(weight, 1)),
            ["collapsed filters"] = ("EK107", FindingLevel.Warning, static (_, _, weight) => Collapse(weight, 6)),
            ["dead channel"] = ("EK108", FindingLevel.Note, static (_, norm, _) => Shift(norm, 1, -6)),
            ["dead channels"] = ("EK108", FindingLevel.Warning, static (_, norm, _) => Shift(norm, 6, -6)),
            ["dead layer"] = ("EK108", FindingLevel.Error, static (_, norm, _) => Shift(norm, 14, -6)),
            ["linear ReLUs"] = ("EK109", FindingLevel.Note, static (_, norm, _) => Shift(norm, 6, 6)),
            ["tiny gamma"] = ("EK110", FindingLevel.Note, static (_, norm, _) =>
            {
                Patients.Set(norm.Weight!.Value, 2, 1e-4);
                Patients.Set(norm.Bias!.Value, 2, 0);
            }),
            ["affine at start"] = ("EK112", FindingLevel.Note, static (_, norm, _) =>
            {
                norm.Weight!.Value.Fill(1);
                norm.Bias!.Value.Fill(0);
            }),
            ["large offset"] = ("EK115", FindingLevel.Note, static (_, norm, _) => Offset(norm, 80)),
            ["huge offset"] = ("EK115", FindingLevel.Warning, static (_, norm, _) => Offset(norm, 800)),
            ["fold spread"] = ("EK117", FindingLevel.Note,
                static (_, norm, _) => Patients.Set(norm.Weight!.Value, 2, 300)),
            ["huge fold spread"] = ("EK117", FindingLevel.Warning,
                static (_, norm, _) => Patients.Set(norm.Weight!.Value, 2, 5000)),
            ["twins"] = ("EK118", FindingLevel.Warning, static (_, norm, weight) => Copy(norm, weight, 2, 5)),
            ["decayed gammas"] = ("EK123", FindingLevel.Note, static (model, _, _) =>
            {
                foreach (BatchNorm norm in model.NamedModules().Select(static pair => pair.Module).OfType<BatchNorm>())
                {
                    foreach (ref float value in norm.Weight!.Value.AsSpan<float>()) value *= 0.05f;
                    foreach (ref float value in norm.Bias!.Value.AsSpan<float>()) value *= 0.05f;
                }
            }),
        };

    private static void CountBatches(Module model, long batches)
    {
        foreach (BatchNorm norm in model.NamedModules().Select(static pair => pair.Module).OfType<BatchNorm>())
            norm.Running!.NumBatchesTracked.Value.Fill(batches);
    }

    private static void SmallVariances(BatchNorm norm, int channels)
    {
        for (int i = 0; i < channels; i++)
        {
            Patients.Set(norm.Running!.Variance.Value, i, 1e-6);
            Patients.Set(norm.Running.Mean.Value, i, 0);
        }
    }

    private static void Collapse(Tensor weight, int filters)
    {
        for (int filter = 0; filter < filters; filter++)
        {
            foreach (ref float value in Patients.Filter(weight, filter)) value *= 1e-5f;
        }
    }

    private static void Shift(BatchNorm norm, int channels, double beta)
    {
        for (int i = 0; i < channels; i++) Patients.Set(norm.Bias!.Value, i, beta);
    }

    public static void Offset(BatchNorm norm, double deviations)
    {
        double deviation = Math.Sqrt(norm.Running!.Variance.Value.ValueAt(4) + norm.Eps);
        Patients.Set(norm.Running.Mean.Value, 4, deviations * deviation);
    }

    private static void Copy(BatchNorm norm, Tensor weight, int from, int to)
    {
        Patients.Filter(weight, from).CopyTo(Patients.Filter(weight, to));
        foreach (Tensor values in new[]
        {
            norm.Weight!.Value, norm.Bias!.Value, norm.Running!.Mean.Value, norm.Running.Variance.Value,
        })
        {
            Patients.Set(values, to, values.ValueAt(from));
        }
    }
}
