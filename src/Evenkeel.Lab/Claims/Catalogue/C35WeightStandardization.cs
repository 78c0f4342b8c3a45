using System.Globalization;
using Evenkeel.Lab.Experiments.Convnets;

namespace Evenkeel.Lab.Claims;

/// <summary>Qiao et al.'s weight standardization: group norm becomes as accurate as batch norm.</summary>
internal sealed class C35WeightStandardization : Claim
{
    private const string Repairs = "norm-repairs";

    private const string Gain =
        "test accuracy with group norm and standardized weights less that with group norm alone";

    private static readonly Bound s_gain = Bound.Above(0);

    public override string Id => "C35";

    public override string Statement => "With standardized weights group norm is as accurate as batch norm";

    public override string Lesson => "D8";

    public override string Words =>
        "Filters with mean 0 and variance 1 smooth the loss; group norm, with them, matches batch norm in ordinary " +
        "batches and keeps that in tiny ones (Qiao et al. 2019).";

    public override string Effect =>
        "test accuracy of a small ResNet with group norm and standardized weights, less that with batch norm in " +
        "batches of 32, equally many images seen, Adam's rate as the square root of the batch";

    public override Bound Bound => Bound.AtLeast(-0.01);

    public override string Rule =>
        $"{Effect}, in batches of 32 and of 2: the 95 % interval over the seeds lies {Bound} in every case " +
        $"({InPart}); and the {Gain}, in batches of 32, lies {s_gain}";

    public override IReadOnlyList<string> Experiments => [Repairs];

    public override string Practice =>
        "Weight standardization costs nothing in use, for it is baked into the weights, and little in training. If " +
        "a net has group norm, try it.";

    protected override IEnumerable<Case> Measure(Evidence evidence) =>
    [
        .. new[] { NormRepairs.Ordinary, NormRepairs.Tiny }.Select(size => new Case(
            string.Create(CultureInfo.InvariantCulture, $"batches of {size}"),
            evidence.Differences(Repairs, NormRepairs.Figure(NormRepairs.Standardized, size),
                NormRepairs.Figure($"resnet-{NormRepairs.Batch}", NormRepairs.Ordinary)))),
        new Case("the gain on group norm alone", evidence.Differences(Repairs,
            NormRepairs.Figure(NormRepairs.Standardized, NormRepairs.Ordinary),
            NormRepairs.Figure(NormRepairs.Group, NormRepairs.Ordinary)), Bound: s_gain, Effect: Gain),
    ];

    protected override string Remark(Evidence evidence)
    {
        return $"Test accuracies in batches of 2 and 32: batch norm {Both($"resnet-{NormRepairs.Batch}")}; group " +
            $"norm {Both(NormRepairs.Group)}; with standardized weights {Both(NormRepairs.Standardized)}.";

        string Both(string name) => string.Join(", ",
            new[] { NormRepairs.Tiny, NormRepairs.Ordinary }.Select(size =>
                evidence.Values(Repairs, NormRepairs.Figure(name, size)).Average()
                    .ToString("F3", CultureInfo.InvariantCulture)));
    }
}
