using Evenkeel.Losses;
using Evenkeel.Optim;

namespace Evenkeel.Tests.Losses;

/// <summary>What kind of targets a case of a loss has.</summary>
internal enum CaseTarget
{
    Labels,
    SomeIgnored,
    Probabilities,
    Numbers,
    Shares,
    Signs,
}

/// <summary>A loss, the shape of its predictions, and what its targets are.</summary>
internal sealed record LossCase(int[] Shape, CaseTarget Target, Func<DType, Loss> Create);

/// <summary>
/// The cases of the golden family "losses": each option of each loss, on given numbers and over 50 steps of a linear
/// model. tests/Evenkeel.Interop.Tests has PyTorch's side of each name.
/// </summary>
internal static class LossCases
{
    /// <summary>Number of samples.</summary>
    public const int Samples = 6;

    /// <summary>Number of classes, or of columns.</summary>
    public const int Classes = 5;

    /// <summary>Number of features of the linear model.</summary>
    public const int Features = 4;

    /// <summary>Number of steps of the linear model.</summary>
    public const int Steps = 50;

    /// <summary>The learning rate of the linear model.</summary>
    public const double LearningRate = 0.1;

    private static readonly int[] s_rows = [Samples, Classes], s_images = [Samples, Classes, 2, 3];

    public static readonly IReadOnlyDictionary<string, LossCase> All =
        new Dictionary<string, LossCase>(StringComparer.Ordinal)
        {
            ["cross_entropy"] = new(s_rows, CaseTarget.Labels, static _ => new CrossEntropyLoss()),
            ["cross_entropy weight"] =
                new(s_rows, CaseTarget.Labels, static _ => new CrossEntropyLoss(Weights(DType.Float64))),
            ["cross_entropy ignore_index"] =
                new(s_rows, CaseTarget.Labels, static _ => new CrossEntropyLoss(ignoreIndex: 2)),
            ["cross_entropy label_smoothing"] =
                new(s_rows, CaseTarget.Labels, static _ => new CrossEntropyLoss(labelSmoothing: 0.1)),
            ["cross_entropy all"] = new(s_rows, CaseTarget.SomeIgnored,
                static type => new CrossEntropyLoss(Weights(type), labelSmoothing: 0.3)),
            ["cross_entropy images"] = new(s_images, CaseTarget.Labels, static _ => new CrossEntropyLoss()),
            ["cross_entropy images all"] = new(s_images, CaseTarget.SomeIgnored,
                static type => new CrossEntropyLoss(Weights(type), labelSmoothing: 0.3)),
            ["cross_entropy probabilities"] =
                new(s_rows, CaseTarget.Probabilities, static _ => new CrossEntropyLoss()),
            ["cross_entropy probabilities all"] = new(s_rows, CaseTarget.Probabilities,
                static type => new CrossEntropyLoss(Weights(type), labelSmoothing: 0.3)),
            ["cross_entropy probabilities images"] = new(s_images, CaseTarget.Probabilities,
                static type => new CrossEntropyLoss(Weights(type), labelSmoothing: 0.3)),
            ["nll_loss"] = new(s_rows, CaseTarget.Labels, static _ => AfterLogSoftmax(new NLLLoss())),
            ["nll_loss all"] =
                new(s_rows, CaseTarget.SomeIgnored, static type => AfterLogSoftmax(new NLLLoss(Weights(type)))),
            ["nll_loss images"] =
                new(s_images, CaseTarget.Labels, static type => AfterLogSoftmax(new NLLLoss(Weights(type), 2))),
            ["binary_cross_entropy"] = new(s_rows, CaseTarget.Shares, static _ => new BCEWithLogitsLoss()),
            ["binary_cross_entropy weight"] = new(s_rows, CaseTarget.Shares,
                static type => new BCEWithLogitsLoss(SampleWeights(type))),
            ["binary_cross_entropy pos_weight"] = new(s_rows, CaseTarget.Shares,
                static type => new BCEWithLogitsLoss(posWeight: Weights(type))),
            ["binary_cross_entropy all"] = new(s_rows, CaseTarget.Shares,
                static type => new BCEWithLogitsLoss(SampleWeights(type), Weights(type))),
            ["mse_loss"] = new(s_rows, CaseTarget.Numbers, static _ => new MSELoss()),
            ["l1_loss"] = new(s_rows, CaseTarget.Numbers, static _ => new L1Loss()),
            ["huber_loss"] = new(s_rows, CaseTarget.Numbers, static _ => new HuberLoss()),
            ["huber_loss delta"] = new(s_rows, CaseTarget.Numbers, static _ => new HuberLoss(0.3)),
            ["smooth_l1_loss"] = new(s_rows, CaseTarget.Numbers, static _ => new SmoothL1Loss()),
            ["smooth_l1_loss beta"] = new(s_rows, CaseTarget.Numbers, static _ => new SmoothL1Loss(0.3)),
            ["smooth_l1_loss beta 0"] = new(s_rows, CaseTarget.Numbers, static _ => new SmoothL1Loss(0)),
            ["multi_margin_loss"] = new(s_rows, CaseTarget.Labels, static _ => new MultiClassHingeLoss()),
            ["hinge"] = new(s_rows, CaseTarget.Signs, static _ => new HingeLoss()),
            ["mse_loss and l1_loss"] = new(s_rows, CaseTarget.Numbers,
                static _ => new CombinedLoss((new MSELoss(), 1), (new L1Loss(), 0.25))),
        };

    /// <summary>Prediction i where no model computes it. All numbers here are the same in both element types.</summary>
    public static double Prediction(int i) => (((i * 37) % 23) - 11.25) / 4;

    /// <summary>Feature i of the linear model.</summary>
    public static double Feature(int i) => (((i * 13) % 11) - 5) / 8.0;

    /// <summary>Weight i of the linear model at the start.</summary>
    public static double Weight(int i) => (((i * 5) % 7) - 3) / 8.0;

    /// <summary>The weight of class or column c.</summary>
    public static double ClassWeight(int c) => (1 + ((c * 3) % 5)) / 4.0;

    /// <summary>The weight of sample n.</summary>
    public static double SampleWeight(int n) => (3 + n) / 4.0;

    /// <summary>Label i: a class, or -100.</summary>
    public static long Label(int i, bool someIgnored) => someIgnored && i % 3 == 1 ? -100 : ((i * 7) + 2) % Classes;

    /// <summary>Target i of a prediction of a shape.</summary>
    public static double Number(int i, CaseTarget target, int[] shape)
    {
        ReadOnlySpan<double> shares = [0.5, 0.25, 0.125, 0.0625, 0.0625];
        int places = shape.Skip(2).Aggregate(1, static (a, b) => a * b);
        int sample = i / (Classes * places), c = i / places % Classes, place = i % places;
        return target switch
        {
            CaseTarget.Probabilities => shares[(sample + c + place) % Classes],
            CaseTarget.Shares => i % 4 == 3 ? 0.375 : i * 5 % 3 % 2,
            CaseTarget.Signs => (i * 5 % 3 % 2 * 2) - 1,
            _ => ((i * 31 % 19) - 9) / 4.0,
        };
    }

    /// <summary>
    /// The loss of the given predictions and its gradient; then the losses of the linear model, and its weights at the
    /// end.
    /// </summary>
    public static double[] Run(string name, DType dtype)
    {
        LossCase one = All[name];
        Loss loss = one.Create(dtype);
        var shape = new Shape(one.Shape);
        Tensor target = Target(one, dtype);
        var tape = new Tape();
        Tensor x = tape.Input(Values(shape, Prediction, dtype), requiresGradient: true);
        Tensor value = loss.Forward(x, target);
        value.Backward();
        var result = new List<double> { value.Item() };
        result.AddRange(x.Gradient!.To(DType.Float64).ToArray<double>());

        var weights = new Parameter(Values([Features, shape.Count / Samples], Weight, dtype));
        Tensor features = Values([Samples, Features], Feature, dtype);
        var optimizer = new SGD([weights], LearningRate);
        for (int t = 0; t < Steps; t++)
        {
            tape.Reset();
            optimizer.ZeroGrad();
            value = loss.Forward(tape.Input(features).MatMul(weights).Reshape(shape), target);
            value.Backward();
            optimizer.Step();
            result.Add(value.Item());
        }

        result.AddRange(weights.Value.To(DType.Float64).ToArray<double>());
        return [.. result];
    }

    private static Tensor Target(LossCase one, DType dtype)
    {
        var shape = new Shape(one.Shape);
        if (one.Target is not (CaseTarget.Labels or CaseTarget.SomeIgnored))
            return Values(shape, i => Number(i, one.Target, one.Shape), dtype);
        long[] labels = [.. Enumerable.Range(0, shape.Count / Classes)
            .Select(i => Label(i, one.Target == CaseTarget.SomeIgnored))];
        return Tensor.From(labels, new Shape([Samples, .. one.Shape[2..]]));
    }

    private static Tensor Values(Shape shape, Func<int, double> value, DType dtype) =>
        Tensor.From(Enumerable.Range(0, shape.Count).Select(value).ToArray(), shape).To(dtype);

    private static Tensor Weights(DType dtype) => Values([Classes], ClassWeight, dtype);

    private static Tensor SampleWeights(DType dtype) => Values([Samples, 1], SampleWeight, dtype);

    private static Loss AfterLogSoftmax(NLLLoss loss) =>
        Loss.Of("nll_loss", (x, target) => loss.Forward(x.LogSoftmax(1), target), loss.Targets);
}
