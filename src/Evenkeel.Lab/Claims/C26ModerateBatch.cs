using System.Globalization;
using Evenkeel.Lab.Experiments.Regularization;

namespace Evenkeel.Lab.Claims;

/// <summary>Lesson D: batch norm works best with batches of 50 to 100.</summary>
internal sealed class C26ModerateBatch : Claim
{
    private const string Sweep = "batch-generalization";

    private static readonly int[] s_moderate = [50, 100];

    public override string Id => "C26";

    public override string Statement => "Batches of 50 to 100 regularize best with batch norm";

    public override string Lesson => "D8";

    public override string Words => "Batch norm works best with moderate batches of 50 to 100: there its statistics have the right amount of noise.";

    public override string Effect => "test accuracy, mean of batches of 50 and 100 less another size";

    public override Bound Bound => Bound.Above(0);

    public override IReadOnlyList<string> Experiments => [Sweep];

    public override string Practice =>
        "Choose the batch for speed and for stable statistics, from some tens upwards, and tune the learning rate with it. To regularize use what is made for it; the noise of the statistics is a side effect.";

    protected override string Cases =>
        "against 10, 25, 250 and 500: the batch of the statistics alone (steps, images and gradients of 500 are the same), and the whole batch up to the same training accuracy";

    protected override IEnumerable<Case> Measure(Evidence evidence)
    {
        foreach ((string kind, string words) in ((string, string)[])[("statistics", "statistics of"), ("batch", "batches of")])
        {
            foreach (int size in BatchGeneralization.Sizes.Except(s_moderate))
                yield return new Case($"compared with {words} {size}", evidence.Values(Sweep, figures => s_moderate.Average(moderate => Test(figures, kind, moderate)) - Test(figures, kind, size)));
        }
    }

    protected override string Remark(Evidence evidence)
    {
        string Best(string kind)
        {
            double Mean(int size) => Interval.OfMean(evidence.Values(Sweep, figures => Test(figures, kind, size))).Mean;
            int best = BatchGeneralization.Sizes.MaxBy(Mean), worst = BatchGeneralization.Sizes.MinBy(Mean);
            return string.Create(CultureInfo.InvariantCulture, $"best at {best} ({Mean(best):F3}), worst at {worst} ({Mean(worst):F3})");
        }

        return $"Statistics alone: {Best("statistics")}; whole batch: {Best("batch")}.";
    }

    private static double Test(IReadOnlyDictionary<string, double> figures, string kind, int size) => figures[$"{kind}-{size}.testAccuracy"];
}
