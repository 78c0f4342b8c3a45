using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Surgery;
using Evenkeel.Tests.Nn;
using Evenkeel.Tests.Reference;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests.Surgery;

public sealed class FoldingTests
{
    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    public void Every_norm_of_LeNet_goes_into_the_layer_before_it(DType dtype)
    {
        LeNet model = LeNet.Color(norm: NormKind.BatchNorm, random: new Philox(1));
        Tensor x = Lived(model, [6, 3, 32, 32], dtype);
        string before = WeightsHash.Of(model);
        FoldResult result = model.Fold(x);
        Assert.Equal(before, WeightsHash.Of(model));
        Assert.Equal([("bn1", "conv1"), ("bn2", "conv2"), ("bn3", "fc1")],
            result.Layers.Select(layer => (layer.Name, layer.Target!)));
        Assert.All(result.Layers, layer => Assert.Equal(FoldStatus.IntoLayerBefore, layer.Status));
        Assert.All(result.Layers, layer => Assert.Null(layer.Warning));
        Assert.IsType<LeNet>(result.Model);
        Assert.DoesNotContain(result.Model.NamedModules(), entry => entry.Module is BatchNorm);
        Assert.InRange(result.Float64Proof.RelativeDifference, 0, Tolerances.Float64Sums);
        Assert.InRange(result.Proof.RelativeDifference, 0,
            dtype == DType.Float32 ? Tolerances.Float32Steps : Tolerances.Float64Sums);
        Assert.True(result.Proof.UlpsOfLargest < 100 && result.Proof.MaxUlps > 0, result.ToString());
        Close.To(NaiveOps.Doubles(model.Predict(x)), result.Model.Predict(x),
            dtype == DType.Float32 ? Tolerances.Float32Sums : Tolerances.Float64Roundoff);
        // It is LeNet without norms: its state fits one.
        LeNet plain = LeNet.Color();
        plain.LoadStateDict(result.Model.StateDict());
    }

    [Fact]
    public void A_residual_network_folds_by_its_data_flow()
    {
        var model = new ResNet(new ResNetOptions { Blocks = 1, Width = 4, Side = 8 }, new Philox(2));
        Tensor x = Lived(model, [5, 3, 8, 8], DType.Float32);
        FoldResult result = model.Fold(x);
        Assert.Equal(9, result.Layers.Count);
        Assert.All(result.Layers, layer => Assert.Equal(FoldStatus.IntoLayerBefore, layer.Status));
        Assert.Equal(
            "layer2.0.downsample.0", result.Layers.Single(layer => layer.Name == "layer2.0.downsample.1").Target);
        Assert.Equal("layer2.0.conv2", result.Layers.Single(layer => layer.Name == "layer2.0.bn2").Target);
        Assert.DoesNotContain(result.Model.NamedModules(), entry => entry.Module is BatchNorm);
        Assert.InRange(result.Float64Proof.RelativeDifference, 0, Tolerances.Float64Roundoff);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public void What_folding_makes_is_frozen_as_what_it_replaces(bool hasBias, bool isTrainable)
    {
        var random = new Philox(3);
        foreach (Module layer in new Module[] { new Linear(4, 3, hasBias, random),
            new Conv1d(4, 3, 1, bias: hasBias, random: random), new Conv2d(4, 3, 1, bias: hasBias, random: random),
            new ConvTranspose2d(4, 3, 1, bias: hasBias, random: random), })
        {
            foreach (Parameter parameter in layer.Parameters()) parameter.RequiresGradient = isTrainable;
            (Module norm, Shape input) = layer switch
            {
                Conv2d or ConvTranspose2d => (new BatchNorm2d(3), [5, 4, 2, 2]),
                Conv1d => (new BatchNorm1d(3), [5, 4, 2]),
                _ => ((Module)new BatchNorm1d(3), new Shape(5, 4)),
            };
            FoldResult result = new Sequential(layer, norm).Fold(Tensor.RandomNormal(input, random));
            Assert.Equal(FoldStatus.IntoLayerBefore, Assert.Single(result.Layers).Status);
            Assert.Equal(["0.weight", "0.bias"], result.Model.NamedParameters().Select(entry => entry.Name));
            Assert.All(result.Model.Parameters(), parameter => Assert.Equal(isTrainable, parameter.RequiresGradient));
        }
    }

    [Fact]
    public void A_trainable_bias_of_a_frozen_weight_stays_trainable()
    {
        var layer = new Linear(4, 3, random: new Philox(1));
        layer.Weight.RequiresGradient = false;
        FoldResult result = new Sequential(layer, new BatchNorm1d(3)).Fold(Tensor.RandomNormal([5, 4], new Philox(2)));
        Assert.Equal([false, true], result.Model.Parameters().Select(parameter => parameter.RequiresGradient));
    }

    [Fact]
    public void A_proof_of_nothing_is_refused()
    {
        var model = new Sequential(new Linear(4, 3, bias: false, random: new Philox(1)), new BatchNorm1d(3));
        Assert.Contains(
            "got zeros only, which many networks would give",
            Assert.Throws<InvalidOperationException>(() => model.Fold(Tensor.Zeros([5, 4]))).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "got none that is a number",
            Assert.Throws<InvalidOperationException>(() => model.Fold(Tensor.Full([5, 4], double.NaN))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Formulas_by_hand()
    {
        var linear = new Linear(2, 1, bias: false);
        linear.Weight.Value.CopyFrom(Tensor.From(new float[,] { { 2, 3 } }));
        var norm = new BatchNorm1d(1, eps: 0);
        norm.Running!.Mean.Value.Fill(10);
        norm.Running.Variance.Value.Fill(4);
        norm.Weight!.Value.Fill(6);
        norm.Bias!.Value.Fill(1);
        // s = 6/2 = 3: W' = 3·(2, 3), b' = (0 - 10)·3 + 1.
        var after = (Sequential)new Sequential(linear, norm).Fold(Tensor.Ones([1, 2])).Model;
        Assert.Equal([6f, 9f], ((Linear)after[0]).Weight.Value.ToArray<float>());
        Assert.Equal([-29f], ((Linear)after[0]).Bias!.Value.ToArray<float>());
        Assert.IsType<Identity>(after[1]);

        var last = new Linear(1, 2, bias: true);
        last.Weight.Value.CopyFrom(Tensor.From(new float[,] { { 1 }, { -2 } }));
        last.Bias!.Value.CopyFrom(Tensor.From(5f, 7f));
        // Before the layer: W' = W·3, b' = b + W·(1 - 10·3).
        FoldResult result = new Sequential(norm, last).Fold(Tensor.Ones([3, 1]));
        var before = (Sequential)result.Model;
        Assert.Equal(FoldStatus.IntoLayerAfter, result.Layers[0].Status);
        Assert.Equal([3f, -6f], ((Linear)before[1]).Weight.Value.ToArray<float>());
        Assert.Equal([-24f, 65f], ((Linear)before[1]).Bias!.Value.ToArray<float>());
    }

    public static TheoryData<string> Foldable =>
    [
        "conv1d", "grouped", "after conv", "after grouped", "flatten", "norm norm", "norm norm linear",
        "norm on both sides", "standardized", "no affine", "same padding of one pixel", "channels last",
        "channels last after", "instance norm", "dropout between", "dilated", "whole family", "before conv1d",
        "volumes", "before volumes", "before reflection", "transposed rows", "transposed planes", "transposed volumes",
    ];

    [Theory]
    [MemberData(nameof(Foldable))]
    public void What_can_be_folded_is(string name)
    {
        var random = new Philox(3);
        (Sequential model, Shape shape, FoldStatus[] expected) = name switch
        {
            "conv1d" => (
                new Sequential(new Conv1d(2, 3, 3, padding: 1, random: random), new BatchNorm1d(3), new ReLU()),
                new Shape([4, 2, 6]), new[] { FoldStatus.IntoLayerBefore }),
            "grouped" => (
                new Sequential(new Conv2d(4, 6, 3, stride: 2, padding: 1, groups: 2, bias: false, random: random),
                    new BatchNorm2d(6)),
                [4, 4, 6, 5], [FoldStatus.IntoLayerBefore]),
            "after conv" => (new Sequential(new BatchNorm2d(3), new Conv2d(3, 4, (2, 3), bias: false, random: random)),
                [4, 3, 6, 5], [FoldStatus.IntoLayerAfter]),
            "after grouped" => (new Sequential(new BatchNorm2d(4), new Conv2d(4, 6, 3, groups: 2, random: random)),
                [4, 4, 6, 5], [FoldStatus.IntoLayerAfter]),
            "flatten" => (
                new Sequential(new ReLU(), new BatchNorm2d(3), new Flatten(), new Linear(3 * 4, 5, random: random)),
                [4, 3, 2, 2], [FoldStatus.IntoLayerAfter]),
            "norm norm" => (new Sequential(new Linear(4, 3, random: random), new BatchNorm1d(3), new BatchNorm1d(3)),
                [6, 4], [FoldStatus.IntoLayerBefore, FoldStatus.IntoLayerBefore]),
            "norm norm linear" =>
                (new Sequential(new BatchNorm1d(3), new BatchNorm1d(3), new Linear(3, 3, random: random)), [6, 3], [
                    FoldStatus.IntoLayerAfter, FoldStatus.IntoLayerAfter]),
            "norm on both sides" =>
                (new Sequential(new BatchNorm1d(3), new Linear(3, 3, random: random), new BatchNorm1d(3)), [6, 3], [
                    FoldStatus.IntoLayerAfter, FoldStatus.IntoLayerBefore]),
            "standardized" => (
                new Sequential(
                    new Conv2d(3, 4, 3, random: random) { WeightStandardization = new() }, new BatchNorm2d(4)),
                [4, 3, 6, 5], [FoldStatus.IntoLayerBefore]),
            "no affine" => (new Sequential(new Linear(4, 3, random: random), new BatchNorm1d(3, affine: false)),
                [6, 4], [FoldStatus.IntoLayerBefore]),
            "same padding of one pixel" => (
                new Sequential(new BatchNorm2d(3), new Conv2d(3, 2, 1, padding: Padding.Same, random: random)),
                [4, 3, 2, 2], [FoldStatus.IntoLayerAfter]),
            "channels last" => (
                new Sequential(new Linear(4, 3, random: random), new BatchNormalization(3, NormConvention.Keras)),
                [5, 6, 4], [FoldStatus.IntoLayerBefore]),
            "channels last after" => (
                new Sequential(new BatchNormalization(3, NormConvention.Keras), new Linear(3, 4, random: random)),
                [5, 2, 3], [FoldStatus.IntoLayerAfter]),
            "instance norm" => (
                new Sequential(
                    new Conv2d(3, 2, 3, random: random), new InstanceNorm2d(2, affine: true, trackRunningStats: true)),
                [4, 3, 5, 5], [FoldStatus.IntoLayerBefore]),
            "dropout between" => (
                new Sequential(new Linear(4, 3, random: random), new Dropout(), new Identity(), new BatchNorm1d(3)),
                [6, 4], [FoldStatus.IntoLayerBefore]),
            "dilated" => (
                new Sequential(new BatchNorm2d(4), new Conv2d(4, 6, 3, dilation: 2, groups: 2, random: random)),
                [4, 4, 7, 6], [FoldStatus.IntoLayerAfter]),
            "whole family" => (
                new Sequential(new Linear(4, 3, random: random),
                    new GhostBatchNorm1d(3, 2), new BatchRenorm1d(3), new SyncBatchNorm(3), Frozen(3)),
                [6, 4], [.. Enumerable.Repeat(FoldStatus.IntoLayerBefore, 4)]),
            "volumes" => (
                new Sequential(new Conv3d(4, 6, 2, stride: 2, padding: 1, groups: 2, random: random),
                    new BatchNorm3d(6)), [3, 4, 3, 4, 5], [FoldStatus.IntoLayerBefore]),
            "before volumes" => (
                new Sequential(new BatchNorm3d(4), new Conv3d(4, 6, (1, 2, 3), groups: 2, random: random)),
                [3, 4, 3, 4, 5], [FoldStatus.IntoLayerAfter]),
            "before reflection" => (
                new Sequential(new BatchNorm2d(3),
                    new Conv2d(3, 2, 3, padding: 2, paddingMode: PaddingMode.Reflect, random: random)),
                [4, 3, 4, 5], [FoldStatus.IntoLayerAfter]),
            "transposed rows" => (
                new Sequential(new ConvTranspose1d(4, 6, 3, 2, 1, 1, groups: 2, bias: false, random: random),
                    new BatchNorm1d(6)), [3, 4, 5], [FoldStatus.IntoLayerBefore]),
            "transposed planes" => (
                new Sequential(new ConvTranspose2d(3, 2, (3, 2), 3, random: random), new BatchNorm2d(2)),
                [3, 3, 4, 5], [FoldStatus.IntoLayerBefore]),
            "transposed volumes" => (
                new Sequential(new ConvTranspose3d(6, 4, 2, dilation: 2, groups: 2, random: random),
                    new BatchNorm3d(4)), [3, 6, 2, 3, 2], [FoldStatus.IntoLayerBefore]),
            _ => (new Sequential(new BatchNorm1d(2), new Conv1d(2, 3, 2, random: random)), [4, 2, 5], [
                FoldStatus.IntoLayerAfter]),
        };
        Tensor x = Lived(model, shape, DType.Float32);
        FoldResult result = model.Fold(x);
        Assert.Equal(expected, result.Layers.Select(layer => layer.Status));
        Assert.InRange(result.Float64Proof.RelativeDifference, 0, Tolerances.Float64Sums);
        Assert.InRange(result.Proof.RelativeDifference, 0, 2 * Tolerances.Float32Steps);
        Assert.DoesNotContain(result.Model.NamedModules(), entry => entry.Module is ITrackingNorm);
        Assert.DoesNotContain("weight_standardization", result.Model.ToString(), StringComparison.Ordinal);
        // Other inputs too.
        Tensor other = Tensor.RandomNormal(shape, new Philox(99));
        Close.To(NaiveOps.Doubles(model.Predict(other)), result.Model.Predict(other), Tolerances.Float32Sums);
    }

    public static TheoryData<string, string> Kept => new()
    {
        { "relu", "what comes before it is not a linear layer but 0 (ReLU); its output is the network's" },
        { "relu both", "what comes before it is not a linear layer but the network's input; what comes after it is " +
            "not a linear layer but ReLU" },
        { "padding", "what comes before it is not a linear layer but the network's input; 1 (Conv2d) after it pads " +
            "with zeros, which the norm would not leave zero" },
        { "transposed", "what comes before it is not a linear layer but the network's input; 1 (ConvTranspose2d) after "
            + "it adds up as many inputs as reach a place, at the border fewer, so the norm's shift is no bias" },
        { "no statistics", "it keeps no running statistics and normalizes by the batch's own in every mode" },
        { "layer norm", "its statistics are those of each sample, so it is not a fixed map" },
        { "group norm", "its statistics are those of each sample, so it is not a fixed map" },
        { "channels last flat", "what comes before it is not a linear layer but the network's input; its channels " +
            "are not the inputs of 2 (Linear), whose input has shape (4, 15)" },
        { "branch", "its input is used elsewhere too, by Add; what comes after it is not a linear layer but Add" },
        { "twice", "layer (Linear) runs 2 times in a pass" },
        { "norm twice", "it runs 2 times in a pass" },
        { "tied", "the weight of layer (Linear) is used elsewhere too; its output is the network's" },
        { "hook", "a hook looks at 0 (Linear); dispose the hook first; its output is the network's" },
        { "rows", "its channels are dimension 1 of (4, 3, 5), the outputs of 0 (Linear) dimension 2; "
            + "its output is the network's" },
        { "field", "Module.Clone: Typed.Norm admits a BatchNorm1d only; the substitute Identity cannot stand there. "
            + "Declare it with a type that admits both, for example Module, or replace the module that contains it." },
        { "not finite", "its running statistics, gamma or beta are not finite" },
        { "unused", "it has no part in the pass" },
    };

    [Theory]
    [MemberData(nameof(Kept))]
    public void What_cannot_be_folded_stays_and_says_why(string name, string reason)
    {
        Module model = name switch
        {
            "relu" => new Sequential(new ReLU(), new BatchNorm1d(5)),
            "relu both" => new Sequential(new BatchNorm1d(5), new ReLU(), new Linear(5, 2)),
            "padding" => new Sequential(new BatchNorm2d(5), new Conv2d(5, 2, 3, padding: 1)),
            "transposed" => new Sequential(new BatchNorm2d(5), new ConvTranspose2d(5, 2, 3)),
            "no statistics" => new Sequential(new Linear(5, 5), new BatchNorm1d(5, trackRunningStats: false)),
            "layer norm" => new Sequential(new Linear(5, 5), new LayerNorm(5)),
            "group norm" => new Sequential(new Linear(5, 5), new GroupNorm(1, 5)),
            "channels last flat" =>
                new Sequential(new BatchNormalization(5, NormConvention.Keras), new Flatten(), new Linear(15, 2)),
            "rows" => new Sequential(new Linear(5, 5), new BatchNorm1d(3)),
            "hook" or "not finite" => new Sequential(new Linear(5, 5), new BatchNorm1d(5)),
            "field" => new Typed(),
            _ => new Wired(name),
        };
        if (name == "hook") ((Sequential)model)[0].AddForwardHook((_, _, _) => { });
        if (name == "not finite") ((BatchNorm1d)((Sequential)model)[1]).Running!.Variance.Value.Fill(double.NaN);
        Shape shape = name switch
        {
            "padding" or "transposed" => [4, 5, 6, 6],
            "rows" or "channels last flat" => [4, 3, 5],
            _ => [4, 5],
        };
        Tensor x = Tensor.RandomNormal(shape, new Philox(5));
        FoldResult result = model.Fold(x);
        FoldedLayer layer = result.Layers[^1];
        Assert.Equal((FoldStatus.Kept, reason), (layer.Status, layer.Reason));
        Assert.Equal(model.Forward(x).ToArray<float>(), result.Model.Forward(x).ToArray<float>());
        Assert.Equal(0, result.Proof.MaxDifference);
        Assert.Contains("kept: ", result.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_norm_that_has_seen_no_batch_is_folded_with_a_warning()
    {
        FoldResult result = new Sequential(new Linear(3, 2), new BatchNorm1d(2)).Fold(Tensor.Ones([2, 3]));
        Assert.StartsWith("it has seen no batch", Assert.Single(result.Layers).Warning, StringComparison.Ordinal);
        Assert.Contains("in 0, before it (warning: it has seen no batch", result.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_network_that_looks_past_the_tape_fails_the_proof()
    {
        var random = new Philox(6);
        var model = new Peeking(random);
        Tensor x = Lived(model, [4, 5], DType.Float32);
        string text = Assert.Throws<InvalidOperationException>(() => model.Fold(x)).Message;
        Assert.StartsWith("Peeking.Fold: expected outputs within 1e-09 of the largest, got Float64: 20 outputs",
            text, StringComparison.Ordinal);
        Assert.Contains("looks at values past the operations of the tape", text, StringComparison.Ordinal);
        LeNet lenet = LeNet.Color(norm: NormKind.BatchNorm);
        Tensor images = Lived(lenet, [2, 3, 32, 32], DType.Float32);
        Assert.Contains(
            "rounding does this",
            Assert.Throws<InvalidOperationException>(() => lenet.Fold(images, bound: 1e-12)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_proof_needs_samples_and_a_network_that_can_be_converted()
    {
        Assert.StartsWith(
            "Sequential.Fold: expected inputs with samples, got shape (0, 3)",
            Assert.Throws<ArgumentException>(
                () => new Sequential(new Linear(3, 2), new BatchNorm1d(2)).Fold(Tensor.Zeros([0, 3]))).Message,
            StringComparison.Ordinal);
        Tensor x = Tensor.RandomNormal([4, 5], new Philox(7));
        string text = Assert.Throws<InvalidOperationException>(() => new Shifted(asBuffer: false).Fold(x)).Message;
        Assert.StartsWith(
            "Shifted.Fold: expected a network that computes in Float64 too", text, StringComparison.Ordinal);
        Assert.Contains("Keep constant tensors as buffers (RegisterBuffer)", text, StringComparison.Ordinal);
        Assert.Equal(FoldStatus.IntoLayerBefore, Assert.Single(new Shifted(asBuffer: true).Fold(x).Layers).Status);
    }

    [Fact]
    public void A_folded_network_trains_as_one_without_norms()
    {
        LeNet model = LeNet.Color(norm: NormKind.BatchNorm, random: new Philox(1));
        Tensor x = Lived(model, [4, 3, 32, 32], DType.Float32);
        Module folded = model.Fold(x).Model;
        float[] eval = folded.Forward(new Tape(Mode.Eval).Input(x)).ToArray<float>();
        Tensor y = folded.Forward(new Tape(Mode.Train).Input(x));
        Assert.Equal(eval, y.ToArray<float>());
        y.Backward(Tensor.Ones(y.Shape));
        Assert.All(folded.Parameters(), parameter => Assert.NotNull(parameter.Gradient));
    }

    private static BatchNorm1d Frozen(int features)
    {
        var norm = new BatchNorm1d(features);
        norm.Running!.Mean.Value.Fill(0.3);
        norm.Freeze();
        return norm;
    }

    [Fact]
    public void Norms_around_and_in_modules_of_two_inputs_are_folded()
    {
        var model = new TwoInputModuleTests.TwoTowers();
        var random = new Philox(3);
        Tensor a = Tensor.RandomNormal([6, 4], random), b = Tensor.RandomNormal([6, 3], random);
        for (int pass = 0; pass < 3; pass++)
        {
            var tape = new Tape(Mode.Train);
            model.Forward(tape.Input(a * 2), tape.Input(b + 1));
        }

        FoldResult result = model.Fold(a, b);
        Assert.Equal(["left.1", "right.1"], result.Layers.Select(static layer => layer.Name));
        Assert.All(result.Layers, static layer => Assert.Equal(FoldStatus.IntoLayerBefore, layer.Status));
        Assert.DoesNotContain(result.Model.NamedModules(), static entry => entry.Module is BatchNorm);
        Assert.InRange(result.Float64Proof.RelativeDifference, 0, Tolerances.Float64Roundoff);

        // In eval a mask changes nothing: what stands in the norm's place takes it and lets it go.
        var masked = new Masked();
        result = masked.Fold(a, Tensor.Ones([6]));
        Assert.Equal(FoldStatus.IntoLayerBefore, Assert.Single(result.Layers).Status);
    }

    private sealed class Masked : TwoInputModule
    {
        private readonly Module _layer;
        private readonly ITwoInputs _norm;

        public Masked()
        {
            _layer = Register("layer", new Linear(4, 5, random: new Philox(1)));
            // The type admits the Identity that takes the norm's place.
            _norm = (ITwoInputs)Register<Module>("norm", new BatchNormalization(5, NormConvention.Flax));
        }

        protected override Tensor ForwardCore(Tensor x, Tensor second) =>
            _norm.Forward(_layer.Forward(x), second);
    }

    /// <summary>Gives gamma, beta and the running statistics values as training would; returns inputs.</summary>
    private static Tensor Lived(Module model, Shape shape, DType dtype)
    {
        var random = new Philox(21);
        foreach (ITrackingNorm norm in model.NamedModules().Select(entry => entry.Module).OfType<ITrackingNorm>())
        {
            if (norm.Weight is not null) random.FillNormal(norm.Weight.Value.AsSpan<float>());
            if (norm.Bias is not null) random.FillNormal(norm.Bias.Value.AsSpan<float>());
        }

        Tensor x = Tensor.RandomNormal(shape, random);
        Span<float> values = x.AsSpan<float>();
        for (int i = 0; i < values.Length; i++) values[i] = (2 * values[i]) + 1;
        model.Recalibrate(x);
        model.To(dtype);
        return x.To(dtype);
    }

    /// <summary>A module whose field takes no other type.</summary>
    private sealed class Typed : Module
    {
        public Typed() => (Layer, Norm) = (Register("layer", new Linear(5, 5)), Register("norm", new BatchNorm1d(5)));

        public Linear Layer { get; }

        public BatchNorm1d Norm { get; }

        protected override Tensor ForwardCore(Tensor x) => Norm.Forward(Layer.Forward(x));
    }

    private sealed class Wired : Module
    {
        private readonly string _how;
        private readonly Module _layer;
        private readonly Module _norm;

        public Wired(string how)
        {
            _how = how;
            var layer = new Linear(5, 5);
            _layer = Register("layer", layer);
            if (how == "tied") Register("head", new Owner(layer.Weight));
            _norm = Register("norm", new BatchNorm1d(5));
        }

        protected override Tensor ForwardCore(Tensor x)
        {
            Tensor y = _layer.Forward(x);
            return _how switch
            {
                "branch" => y + _norm.Forward(y),
                "twice" => _layer.Forward(_norm.Forward(y)),
                "norm twice" => _norm.Forward(_norm.Forward(y)),
                "unused" => y,
                _ => _norm.Forward(y),
            };
        }

        private sealed class Owner : Module
        {
            public Owner(Parameter weight) => Register("weight", weight);

            protected override Tensor ForwardCore(Tensor x) => x;
        }
    }

    private sealed class Peeking : Module
    {
        private readonly Module _layer;
        private readonly Module _norm;

        public Peeking(Philox random) => (_layer, _norm) =
            (Register("layer", new Linear(5, 5, random: random)), Register("norm", new BatchNorm1d(5)));

        protected override Tensor ForwardCore(Tensor x)
        {
            Tensor y = _layer.Forward(x);
            return _norm.Forward(y) + y.Detach();
        }
    }

    /// <summary>A module with a constant of its own.</summary>
    private sealed class Shifted : Module
    {
        private readonly Module _layers;
        private readonly Tensor _shift = Tensor.Full([5], 0.5);
        private readonly StateBuffer? _buffer;

        public Shifted(bool asBuffer)
        {
            _layers = Register("layers", new Sequential(new Linear(5, 5), new BatchNorm1d(5)));
            if (asBuffer) _buffer = RegisterBuffer("shift", _shift);
        }

        protected override Tensor ForwardCore(Tensor x) => _layers.Forward(x - (_buffer?.Value ?? _shift));
    }
}
