using System.Globalization;

namespace Evenkeel.Lab.Claims;

/// <summary>Lesson A: with batch norm the scale of activations does not depend on the start values.</summary>
internal sealed class C07StdThroughDepth : Claim
{
    private const string Stack = "init-depth";

    /// <summary>A ratio that is beyond this, or infinite, is counted as this.</summary>
    private const double Largest = 1e6;

    private static readonly (string Variant, string Name)[] s_starts =
    [
        ("default+batchnorm", "weights from PyTorch's default"),
        ("kaiming+batchnorm", "weights from Kaiming's formula"), ("normal+batchnorm", "weights from N(0, 1)"),
        ("normal1e-2+batchnorm", "weights from N(0, 0.01²)"), ("normal1e-4+batchnorm", "weights from N(0, 0.0001²)"),
    ];

    public override string Id => "C7";

    public override string Statement =>
        "With batch norm activations keep their scale through 100 layers, whatever the start values";

    public override string Lesson => "A10, A11";

    public override string Words =>
        "With batch norm the standard deviation of every layer stays in a good range even without an initialization, " +
        "so the initialization may be left out.";

    public override string Effect =>
        "largest over smallest standard deviation of the 100 layers' outputs, 1e6 where it is more";

    public override Bound Bound => Bound.AtMost(1.1);

    public override IReadOnlyList<string> Experiments => [Stack];

    public override string Practice =>
        "Behind batch norm any usual initialization gives activations of the same size. Two limits: eps sets a " +
        "floor, n·s²/2 > eps for weights of deviation s; and the size of activations is not all: how well a net " +
        "trains still depends on the scale of its weights.";

    protected override string Cases =>
        "with weights of PyTorch's default, Kaiming's, N(0, 1), N(0, 0.01²) and N(0, 0.0001²)";

    protected override IEnumerable<Case> Measure(Evidence evidence) => s_starts.Select(start =>
        new Case(start.Name,
            evidence.Values(Stack, figures => Math.Min(Largest, figures[$"{start.Variant}.largestStd"] / figures[
            $"{start.Variant}.smallestStd"])), IsRatio: true));

    protected override string Remark(Evidence evidence)
    {
        string[] lesson = [.. s_starts.Take(3).Select(static start => start.Variant)];
        return string.Create(CultureInfo.InvariantCulture,
            $"All stds with the first three lie between " +
            $"{lesson.Min(variant => evidence.Values(Stack, $"{variant}.smallestStd").Min()):F3} and " +
            $"{lesson.Max(variant => evidence.Values(Stack, $"{variant}.largestStd").Max()):F3}; ReLU of N(0, 1) has " +
            $"{evidence.Values(Stack, "batchnorm.theoryStd")[0]:F4}. Where n·s²/2 is below eps, here for s below " +
            $"2.8e-4, each layer is smaller than the one before.");
    }
}
