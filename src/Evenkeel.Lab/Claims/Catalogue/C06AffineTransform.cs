using System.Globalization;

namespace Evenkeel.Lab.Claims;

/// <summary>Lessons A and K: gamma and beta give back what the normalization takes.</summary>
internal sealed class C06AffineTransform : Claim
{
    private const string Capacity = "affine-capacity", Recovery = "identity-recovery", Identity = "the identity";

    private const string IdentityEffect =
        "largest |BN(x) - x| with gamma = √(var + eps) and beta = mean, in deviations";

    private static readonly Bound s_identity = Bound.AtMost(1e-6);

    private static readonly (string Prefix, string Name)[] s_nets =
        [("relu", "the deep ReLU net on images"), ("sigmoid", "the deep sigmoid net on images"),
            ("circle-sigmoid", "the narrow sigmoid net on a circle"),
            ("circle-relu", "the narrow ReLU net on a circle")];

    public override string Id => "C6";

    public override string Statement => "gamma and beta add capacity, and can make batch norm the identity";

    public override string Lesson => "A3, K6";

    public override string Words =>
        "The affine transform behind the normalization increases the capacity of the net: with gamma and beta it can " +
        "restore what was normalized away, up to the identity.";

    public override string Effect => "accuracy with gamma and beta less that without, same weights and batches";

    public override Bound Bound => Bound.AtLeast(0.01);

    public override string Rule =>
        $"{Effect}, on images (training) and on points inside and outside of a circle (new ones): the 95 % interval " +
        $"over the seeds lies {Bound} in every case ({InPart}); and the {IdentityEffect} lies {s_identity}";

    public override IReadOnlyList<string> Experiments => [Capacity, Recovery];

    public override string Practice =>
        "Keep gamma and beta: they cost two numbers per channel, and a narrow layer may need them. Where a linear or " +
        "convolution layer follows at once, or the net is wide, the weights can do their work, and little is lost " +
        "without them. The identity needs gamma² = var + eps, not the lesson's var.";

    protected override IEnumerable<Case> Measure(Evidence evidence)
    {
        foreach ((string prefix, string name) in s_nets)
        {
            string figure = prefix.StartsWith("circle", StringComparison.Ordinal) ? "accuracy" : "ownAccuracy";
            yield return new Case(name,
                evidence.Differences(Capacity, $"{prefix}-affine.{figure}", $"{prefix}-plain.{figure}"));
        }

        yield return new Case(Identity, evidence.Values(Recovery, "exact.largestChange"), Bound: s_identity,
            Effect: IdentityEffect);
    }

    protected override string Remark(Evidence evidence)
    {
        double Mean(string figure) => evidence.Values(Capacity, figure).Average();
        return string.Create(CultureInfo.InvariantCulture,
            $"Accuracies with and without: images {Mean("relu-affine.ownAccuracy"):F3} and " +
            $"{Mean("relu-plain.ownAccuracy"):F3} (ReLU), {Mean("sigmoid-affine.ownAccuracy"):F3} and " +
            $"{Mean("sigmoid-plain.ownAccuracy"):F3} (sigmoid); circle {Mean("circle-sigmoid-affine.accuracy"):F3} " +
            $"and {Mean("circle-sigmoid-plain.accuracy"):F3} (sigmoid: without beta a sum of sigmoids is odd about " +
            $"the mean, and the circle is even), {Mean("circle-relu-affine.accuracy"):F3} and " +
            $"{Mean("circle-relu-plain.accuracy"):F3} (ReLU). The lesson's gamma² = var is off by " +
            $"{evidence.Values(Recovery, "lesson.largestChange").Average():0.0e+00}: it leaves eps out.");
    }
}
