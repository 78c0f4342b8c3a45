using System.Globalization;

namespace Evenkeel.Lab.Claims;

/// <summary>Lesson K: batch norm against vanishing gradients.</summary>
internal sealed class C13VanishingGradient : Claim
{
    private const string Gradients = "vanishing-gradients";

    private static readonly (string Activation, int Depth)[] s_cases =
        [("sigmoid", 20), ("sigmoid", 5), ("sigmoid", 10), ("sigmoid", 30), ("tanh", 5), ("tanh", 10),
            ("tanh", 20), ("tanh", 30)];

    public override string Id => "C13";

    public override string Statement => "Batch norm keeps the gradient of deep sigmoid and tanh nets from vanishing";

    public override string Lesson => "K9";

    public override string Words =>
        "Batch norm helps against vanishing gradients, above all with sigmoid and tanh: " +
        "it keeps their inputs where they are steep.";

    public override string Effect =>
        "norm of the gradient of the first layer's weights over that of the last layer's, with batch norm";

    public override Bound Bound => Bound.AtLeast(0.1);

    public override IReadOnlyList<string> Experiments => [Gradients];

    public override string Practice =>
        "Put batch norm into every layer of a deep net of sigmoids or tanhs, or take ReLU with Kaiming's start " +
        "values; look at the gradients before you take another norm instead. What one layer multiplies a gradient by " +
        "counts to the power of the depth: look at the first layer and at the last.";

    protected override string Cases => "for 5 to 30 layers of sigmoid and of tanh";

    protected override IEnumerable<Case> Measure(Evidence evidence) =>
        s_cases.Select(test => new Case($"{test.Depth} {test.Activation} layers", evidence.Values(Gradients,
            $"{test.Activation}-batchnorm.ratioAt{test.Depth}"), IsRatio: true));

    protected override string Remark(Evidence evidence)
    {
        double Mean(string figure) => Interval.OfRatio(evidence.Values(Gradients, figure)).Mean;
        return string.Create(CultureInfo.InvariantCulture,
            $"Without norm the ratio at 20 layers is {Mean("sigmoid-none.ratioAt20"):0.0e+00} (sigmoid) and " +
            $"{Mean("tanh-none.ratioAt20"):0.0e+00} (tanh); with layer norm " +
            $"{Mean("sigmoid-layernorm.ratioAt20"):0.0e+00} and {Mean("tanh-layernorm.ratioAt20"):F1}. Mean slope of " +
            $"20 sigmoids: {evidence.Values(Gradients, "sigmoid-none.defaultSlope").Average():F3} without norm and " +
            $"{evidence.Values(Gradients, "sigmoid-batchnorm.defaultSlope").Average():F3} with (PyTorch's default), " +
            $"{evidence.Values(Gradients, "sigmoid-none.largeSlope").Average():F3} and " +
            $"{evidence.Values(Gradients, "sigmoid-batchnorm.largeSlope").Average():F3} (N(0, 1)): the lesson's " +
            $"reason needs the second to be the larger.");
    }
}
