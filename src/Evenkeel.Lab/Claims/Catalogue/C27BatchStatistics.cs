using System.Globalization;

namespace Evenkeel.Lab.Claims;

/// <summary>The notebook: statistics of larger batches are closer to those of all images.</summary>
internal sealed class C27BatchStatistics : Claim
{
    private const string Statistics = "batch-statistics";

    public override string Id => "C27";

    public override string Statement => "The statistics of a batch of m converge to those of all images as 1/√m";

    public override string Lesson => "N13";

    public override string Words =>
        "The larger the batch, the closer its mean and variance are to those of the whole set, by the law of large " +
        "numbers; so batch norm works better with larger batches.";

    public override string Effect =>
        "slope of the logarithm of the distance to all images' statistics against the logarithm of m";

    public override Bound Bound => Bound.Between(-0.55, -0.45);

    public override IReadOnlyList<string> Experiments => [Statistics];

    public override string Practice =>
        "Four times the batch halves the noise of its statistics. The variance is the noisier of the two: in a batch " +
        "of 5 it is often half of the true one, or twice. Below some 16 samples take a norm that does not look " +
        "across the batch, or gather statistics over several batches.";

    protected override string Cases => "for the mean and the variance of batches of 5 to 500 drawn with replacement";

    protected override IEnumerable<Case> Measure(Evidence evidence)
    {
        yield return new Case("the mean", evidence.Values(Statistics, "mean.slope"));
        yield return new Case("the variance", evidence.Values(Statistics, "variance.slope"));
    }

    protected override string Remark(Evidence evidence)
    {
        double Mean(string figure) => evidence.Values(Statistics, figure).Average();
        return string.Create(CultureInfo.InvariantCulture,
            $"A batch of 5, 10 and 50 is off by {Mean("mean.errorAt5"):F2}, {Mean("mean.errorAt10"):F2} and " +
            $"{Mean("mean.errorAt50"):F2} deviations in its mean and by {Mean("variance.errorAt5"):P0}, " +
            $"{Mean("variance.errorAt10"):P0} and {Mean("variance.errorAt50"):P0} in its variance. Drawn without " +
            $"replacement, 500 of the 1000 images are off by {Mean("mean-shuffled.errorAt500"):F3} in place of " +
            $"{Mean("mean.errorAt500"):F3}: √((N - m)/(N - 1)) of it.");
    }
}
