using System.Globalization;

namespace Evenkeel.Lab.Claims;

/// <summary>Lesson K: batch norm keeps the inputs of layers still, and therefore trains faster.</summary>
internal sealed class C21CovariateShift : Claim
{
    private const string Shift = "covariate-shift";

    private const string GainEffect = "mean training accuracy over the epochs with batch norm less that without";

    private const string AtSmallRate = "at 2^-7 it trains faster";

    private static readonly Bound s_gain = Bound.Above(0);

    public override string Id => "C21";

    public override string Statement =>
        "Batch norm makes the inputs of layers move less (internal covariate shift), " +
        "and therefore the net trains faster";

    public override string Lesson => "K2, K9";

    public override string Words =>
        "All layers change at once, so each meets inputs that move; a small learning rate used to be the remedy. " +
        "Batch norm fixes the inputs' mean and variance, and training gets easier.";

    public override string Effect => "drift of the layers' inputs in ten steps, with batch norm over without";

    public override Bound Bound => Bound.AtMost(0.5);

    public override string Rule =>
        $"{Effect}, at the learning rates 2^-5 and 2^-7: the 95 % interval over the seeds lies {Bound}; and the " +
        $"{GainEffect} lies {s_gain} at both rates ({InPart})";

    public override IReadOnlyList<string> Experiments => [Shift];

    public override string Practice =>
        "Use batch norm for what it does, not for this explanation of it: raise the learning rate when you add it. " +
        "At a rate that was tuned without it, a net that moves less may well learn more slowly.";

    protected override bool HasParts => true;

    protected override IEnumerable<Case> Measure(Evidence evidence)
    {
        yield return new Case("at 2^-5 inputs move less", evidence.Ratios(Shift, "batchnorm.drift", "none.drift"),
            IsRatio: true);
        yield return new Case("at 2^-7 inputs move less",
            evidence.Ratios(Shift, "batchnorm-small.drift", "none-small.drift"), IsRatio: true);
        yield return new Case("at 2^-5 it trains faster",
            evidence.Differences(Shift, "batchnorm.meanTrainAccuracy", "none.meanTrainAccuracy"), Bound: s_gain,
            Effect: GainEffect);
        yield return new Case(AtSmallRate,
            evidence.Differences(Shift, "batchnorm-small.meanTrainAccuracy", "none-small.meanTrainAccuracy"),
            Bound: s_gain, Effect: GainEffect);
    }

    protected override string Remark(Evidence evidence)
    {
        double Mean(string figure) => evidence.Values(Shift, figure).Average();
        return string.Create(CultureInfo.InvariantCulture,
            $"Noise behind each batch norm moves the inputs again (drift {Mean("noisy.drift"):F2}, without norm " +
            $"{Mean("none.drift"):F2}); training accuracy at 2^-5: {Mean("batchnorm.meanTrainAccuracy"):F3} with " +
            $"batch norm, {Mean("none.meanTrainAccuracy"):F3} without, {Mean("noisy.meanTrainAccuracy"):F3} with the " +
            $"noise. At 2^-7: {Mean("batchnorm-small.meanTrainAccuracy"):F3}, " +
            $"{Mean("none-small.meanTrainAccuracy"):F3} and {Mean("noisy-small.meanTrainAccuracy"):F3}.");
    }
}
