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

    public override string Words =>
        "Batch norm works best with moderate batches of 50 to 100: " +
        "there its statistics have the right amount of noise.";

    public override string Effect =>
        "test accuracy, mean of batches of 50 and 100 less that of two smaller or two larger sizes";

    public override Bound Bound => Bound.Above(0);

    public override IReadOnlyList<string> Experiments => [Sweep];

    public override string Practice =>
        "Choose the batch for speed and for stable statistics, from some tens upwards, and tune the learning rate " +
        "with it. To regularize use what is made for it; the noise of the statistics is a side effect.";

    protected override string Cases =>
        "against 10 and 25 and against 250 and 500: the batch of the statistics alone (steps, images and gradients " +
        "of 500 are the same), and the whole batch up to the same training accuracy";

    protected override IEnumerable<Case> Measure(Evidence evidence)
    {
        // Sizes two by two: of eight comparisons, one with each size, some would be won by chance.
        foreach ((string kind, string words) in ((string, string)[])[("statistics", "statistics of "), ("batch", "")])
        {
            yield return new Case($"comparison with {words}smaller batches",
                Ahead(kind, static size => size < s_moderate[0]));
            yield return new Case($"comparison with {words}larger batches",
                Ahead(kind, static size => size > s_moderate[^1]));
        }

        double[] Ahead(string kind, Func<int, bool> isOther) => evidence.Values(
            Sweep, figures =>
                s_moderate.Average(size => Test(figures, kind, size)) - BatchGeneralization.Sizes.Where(isOther)
                    .Average(size => Test(figures, kind, size)));
    }

    protected override string Remark(Evidence evidence)
    {
        string Best(string kind)
        {
            double Mean(int size) => Interval.OfMean(evidence.Values(Sweep, figures => Test(figures, kind, size))).Mean;
            int best = BatchGeneralization.Sizes.MaxBy(Mean), worst = BatchGeneralization.Sizes.MinBy(Mean);
            return string.Create(CultureInfo.InvariantCulture, $"best at {best} ({Mean(best):F3}), " +
                $"worst at {worst} ({Mean(worst):F3})");
        }

        return $"Statistics alone: {Best("statistics")}; whole batch: {Best("batch")}.";
    }

    private static double Test(IReadOnlyDictionary<string, double> figures, string kind, int size) =>
        figures[$"{kind}-{size}.testAccuracy"];
}
