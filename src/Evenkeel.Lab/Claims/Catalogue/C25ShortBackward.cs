using System.Globalization;

namespace Evenkeel.Lab.Claims;

/// <summary>The notebook: the short backward pass of batch norm.</summary>
internal sealed class C25ShortBackward : Claim
{
    private const string Speed = "batchnorm-backward-speed";

    private const string EqualEffect =
        "largest difference of dx, dgamma and dbeta between the two, over the largest entry";

    private static readonly Bound s_equal = Bound.AtMost(1e-10);

    public override string Id => "C25";

    public override string Statement =>
        "The short formula of batch norm's backward pass gives the gradients of the graph, and faster";

    public override string Lesson => "N8";

    public override string Words =>
        "Worked out on paper, the gradient simplifies to one short expression; it gives the same numbers as going " +
        "back through the graph and is a little faster (1.22 times).";

    public override string Effect =>
        "time of a backward pass through the graph over that of the short formula, " +
        "1000 samples of 5000 features (quick: 200 of 1000)";

    public override Bound Bound => Bound.Above(1);

    public override string Rule =>
        $"{Effect}: the 95 % interval over the seeds lies {Bound}; and the {EqualEffect} lies {s_equal}";

    public override IReadOnlyList<string> Experiments => [Speed];

    public override string Practice =>
        "Fuse the backward pass of a norm into one formula, dx = rstd·(g - mean(g) - xhat·mean(g·xhat)): it reads " +
        "memory fewer times, and keeps nothing but x, mean and rstd.";

    protected override bool HasParts => true;

    protected override IEnumerable<Case> Measure(Evidence evidence)
    {
        yield return new Case("it is faster", evidence.Values(Speed, "speedup"), IsRatio: true);
        yield return new Case("it is equal", evidence.Values(Speed, "difference.worst"), Bound: s_equal,
            Effect: EqualEffect);
    }

    protected override string Remark(Evidence evidence) => string.Create(CultureInfo.InvariantCulture,
        $"Entry by entry the relative error is up to {evidence.Values(Speed, "relativeError.dx").Max():0.0e+00}, " +
        $"where an entry of dx is nearly 0: the order of a sum shows there.");
}
