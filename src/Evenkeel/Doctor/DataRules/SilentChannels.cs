namespace Evenkeel.Examination;

/// <summary>EK204: channels that are 0 behind ReLU for every sample.</summary>
internal sealed class SilentChannels : DataRule
{
    /// <summary>The share of a layer from which on it is an error behind a batch norm, and elsewhere.</summary>
    private const double Half = 0.5, Most = 0.9;

    /// <summary>
    /// Where no norm centres each channel, a third of a healthy layer is dead at the end of a training, so the bound is
    /// this many times that behind a batch norm.
    /// </summary>
    private const double NotCentred = 2.5;

    /// <summary>
    /// A channel that is never active in n samples is active in less than 3/n of all (with 95 %): with fewer samples a
    /// selective unit looks dead.
    /// </summary>
    private const int Enough = 256;

    public override string Id => "EK204";

    public override string Title => "dead behind ReLU, measured";

    public override double Bound => 0.2;

    public override void Check(DataExamination examination, FindingSink findings)
    {
        if (!examination.Activations.Any(static activation => activation.IsReLU)) return;
        if (examination.Samples < Enough)
        {
            findings.NotChecked($"fewer than {Enough} samples, in which a selective unit may be silent");
            return;
        }

        foreach (MeasuredActivation activation in examination.Activations)
        {
            if (activation.Dead.Count == 0) continue;
            double share = (double)activation.Dead.Count / activation.Channels;
            bool isCentred = examination.Network.Norms.Any(norm => norm.Name == activation.Layer
                && norm.Family is (NormFamily.Batch or NormFamily.Instance));
            double bound = isCentred ? findings.Bound : NotCentred * findings.Bound;
            (FindingLevel level, string because) = examination.LevelOf(
                share >= (isCentred ? Half : Most) ? FindingLevel.Error
                    : share > bound ? FindingLevel.Warning : FindingLevel.Note,
                DataExamination.KnownSymptoms.Drift);
            findings.Add(level, activation.Layer, activation.Dead, share, bound,
                $"{Statistic.Of(activation.Dead.Count, "channel")} of {activation.Channels} behind {activation.Type} "
                + $"{(activation.Dead.Count == 1 ? "is" : "are")} 0 in all "
                + $"{Statistic.Of(examination.Samples, "sample")}, {Ratios.Listed(activation.Dead)}{because}: "
                + "they carry nothing and learn nothing.",
                level == FindingLevel.Note
                    ? "evenkeel doctor FILE --data ... --fix OUT removes them; in code model.Prune(inputs)"
                    : "Train with a smaller learning rate, or from other start values; model.Prune(inputs) removes "
                        + "what is dead");
        }
    }
}
