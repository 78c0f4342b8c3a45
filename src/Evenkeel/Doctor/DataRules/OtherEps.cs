using Evenkeel.Nn;
using Evenkeel.Surgery;

namespace Evenkeel.Examination;

/// <summary>EK213: the answers change if eps is that of the other family of libraries.</summary>
internal sealed class OtherEps : DataRule
{
    /// <summary>eps of PyTorch and ONNX, and of Keras.</summary>
    private const double Small = 1e-5, Large = 1e-3;

    /// <summary>Points of the score that another eps has to gain where nothing else speaks for it.</summary>
    private const double Gain = 0.01;

    public override string Id => "EK213";

    public override string Title => "another eps";

    public override double Bound => 0.01;

    public override void Check(DataExamination examination, FindingSink findings)
    {
        (string Name, ITrackingNorm Norm, double Other)[] norms =
            [.. from entry in examination.TrackingNorms()
                let other = OtherOf(entry.Norm.Eps)
                where other > 0 && !entry.Norm.IsPerSample
                select (entry.Name, entry.Norm, other)];
        if (norms.Length == 0) return;
        Module copy;
        try
        {
            copy = examination.Model.Clone();
        }
        catch (InvalidOperationException)
        {
            findings.NotChecked("the network cannot be copied");
            return;
        }

        Dictionary<string, Module> copies = TracedNetwork.ByName(copy);
        foreach ((string name, ITrackingNorm norm, double other) in norms)
        {
            // var + eps' = (var + eps' - eps) + eps.
            Tensor variance = ((ITrackingNorm)copies[name]).Running!.Variance.Value;
            for (int c = 0; c < variance.Count; c++)
                variance.SetValueAt(c, Math.Max(variance.ValueAt(c) + other - norm.Eps, -norm.Eps));
        }

        DataPasses passes = examination.Passes;
        Tensor x = examination.InputsToProve(256), y = passes.Outputs(PassKind.Use, x),
            otherY = passes.Outputs(PassKind.Use, x, copy);
        double change = MateDependence.ChangeOf(y, otherY, y.Count);
        if (!(change > findings.Bound)) return;
        (string first, ITrackingNorm firstNorm, double eps) = norms[0];
        bool isCertain = examination.Data.IsEpsCertain
            && examination.Network.Norms.All(static norm => norm.IsEpsKnown);
        string scores = "";
        bool isBetter = false;
        if (examination.CanCompareScores)
        {
            SampleScores now = examination.Scores!, then = passes.Scores("another eps", PassKind.Use,
                examination.Data.Samples, examination.Order, examination.BatchSize, network: copy);
            (double gain, double error) = then.Over(now);
            isBetter = gain > Gain + (2 * error);
            scores = $" The {now.Name} goes from {now.Text} to {then.Text}.";
        }

        if (isCertain && !isBetter) return;
        FindingLevel wanted = isBetter || !examination.CanCompareScores ? FindingLevel.Warning : FindingLevel.Note;
        (FindingLevel level, string because) = examination.LevelOf(wanted, DataExamination.KnownSymptoms.Gap);
        findings.Add(level, first, [], change,
            $"With eps {eps:G} in place of {firstNorm.Eps:G} in {Statistic.Of(norms.Length, "norm")} the outputs "
            + $"change by {Statistic.Share(change)} of their range{because}.{scores} "
            + "PyTorch and ONNX have 1e-5 and Keras has "
            + $"1e-3, and a file of weights alone does not say which it is.",
            "Look up eps where the network was trained, and make the norms with it: "
            + $"new BatchNorm2d(channels, eps: {eps:G})");
    }

    /// <summary>The eps of the other family; 0 for an eps of neither.</summary>
    private static double OtherOf(double eps) => eps switch
    {
        Small => Large,
        Large => Small,
        _ => 0,
    };
}
