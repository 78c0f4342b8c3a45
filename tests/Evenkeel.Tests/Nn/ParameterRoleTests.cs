using Evenkeel.Data;
using Evenkeel.Diagnostics;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Surgery;
using Evenkeel.Tests.Optim;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests.Nn;

/// <summary>What a parameter is to its layer, whatever its shape.</summary>
public sealed class ParameterRoleTests
{
    public static TheoryData<string, string[]> Layers => new()
    {
        { "linear", ["Weight", "Bias"] }, { "conv1d", ["Weight", "Bias"] }, { "conv2d", ["Weight", "Bias"] },
        { "batch", ["NormScale", "NormShift"] }, { "keras", ["NormScale", "NormShift"] },
            { "sync", ["NormScale", "NormShift"] }, { "renorm", ["NormScale", "NormShift"] },
        { "ghost", ["NormScale", "NormShift"] }, { "instance", ["NormScale", "NormShift"] },
            { "group", ["NormScale", "NormShift"] },
        { "layer", ["NormScale", "NormShift"] }, { "rms", ["NormScale"] },
    };

    [Theory]
    [MemberData(nameof(Layers))]
    public void Every_layer_says_its_roles(string name, string[] roles)
    {
        Module layer = name switch
        {
            "linear" => new Linear(2, 3),
            "conv1d" => new Conv1d(2, 3, 1),
            "conv2d" => new Conv2d(2, 3, 1),
            "batch" => new BatchNorm2d(3),
            "keras" => new BatchNormalization(3, NormConvention.Keras),
            "sync" => new SyncBatchNorm(3),
            "renorm" => new BatchRenorm1d(3),
            "ghost" => new GhostBatchNorm1d(3, 2),
            "instance" => new InstanceNorm2d(3, affine: true),
            "group" => new GroupNorm(1, 3),
            "layer" => new LayerNorm([2, 3, 4]),
            _ => new RMSNorm([2, 3]),
        };
        Assert.Equal(roles, layer.Parameters().Select(static parameter => parameter.Role.ToString()));
        Module copy = layer.Clone();
        copy.To(DType.Float64);
        Assert.Equal(roles, copy.Parameters().Select(static parameter => parameter.Role.ToString()));
        Assert.Equal(roles,
            layer.CloneSharingWeights().Parameters().Select(static parameter => parameter.Role.ToString()));
    }

    [Fact]
    public void Gamma_and_beta_of_two_dimensions_do_not_decay_with_the_weights()
    {
        Module[] layers = [new LayerNorm([2, 3]), new RMSNorm([2, 3])];
        foreach (Module layer in layers)
        {
            Func<Optimizer>[] optimizers =
            [
                () => new SGD(layer.Parameters(), 1, weightDecay: 0.5, decayNormAndBias: false),
                () => new Adam(layer.Parameters(), 1, weightDecay: 0.5, decayNormAndBias: false),
                () => new AdamW(layer.Parameters(), 1, weightDecay: 0.5, decayNormAndBias: false),
                () => new RMSprop(layer.Parameters(), 1, weightDecay: 0.5, decayNormAndBias: false),
                () => new SGD(ParameterGroup.Split(layer.Parameters(), 0.5), 1),
            ];
            foreach (Func<Optimizer> create in optimizers)
            {
                foreach (Parameter parameter in layer.Parameters())
                    OptimizerTests.SetGradient(parameter, static _ => 0);
                create().Step();
                Assert.All(layer.Parameters()[0].Value.ToArray<float>(), static gamma => Assert.Equal(1, gamma));
            }
        }
    }

    [Fact]
    public void The_penalty_is_on_weights_alone()
    {
        // The loss of the first step, before anything has moved: only the penalty can make a difference.
        static (Module Model, double Loss) Train(double l2)
        {
            var model = new Sequential(new LayerNorm([2, 3]), new Flatten(), new Linear(6, 2));
            model.Initialize(Init.KaimingNormal, seed: 3);
            var trainer = new Trainer(model, new SGD(model.Parameters(), 0), new CrossEntropyLoss(),
                new TrainerOptions { Epochs = 1, BatchSize = 4, L2 = l2 });
            var data = new TensorDataset(Tensor.RandomNormal([4, 2, 3], new Philox(1)), Tensor.Labels(0, 1, 1, 0));
            return (model, trainer.Fit(data, data).Losses[0]);
        }

        (Module model, double penalized) = Train(0.1);
        double squares = Values(model, "2.weight").Sum(static w => (double)w * w);
        Assert.Equal(Train(0).Loss + (0.05 * squares), penalized, Tolerances.Float32Roundoff);
    }

    [Fact]
    public void Start_values_go_by_role()
    {
        var model = new Sequential(new ScratchLayerNorm(said: true), new ScratchLayerNorm(said: false), new Mixed());
        model.Initialize(Init.KaimingNormal, seed: 1);
        Assert.All(model[0].Parameters().Concat(model[1].Parameters()), static parameter =>
            Assert.All(parameter.Value.ToArray<float>(), static value => Assert.Equal(0.5f, value)));
        Module mixed = model[2];
        Assert.DoesNotContain(0.5f, Values(mixed, "kernel"));
        Assert.DoesNotContain(0.5f, Values(mixed, "unsaid"));
        Assert.All(Values(mixed, "offset"), static value => Assert.Equal(0, value));
        Assert.All(Values(mixed, "slope"), static value => Assert.Equal(0.5f, value));
        // A vector of weights has no fans for Kaiming's rule.
        Assert.All(Values(mixed, "row"), static value => Assert.Equal(0.5f, value));
        model.Initialize(Init.Normal(), seed: 1);
        Assert.DoesNotContain(0.5f, Values(mixed, "row"));
    }

    [Fact]
    public void What_nobody_said_is_taken_from_name_and_dimensions()
    {
        Assert.Equal(ParameterRole.Weight, new Parameter(Tensor.Ones([2, 3])).Role);
        Assert.Equal(ParameterRole.Other, new Parameter(Tensor.Ones([2])).Role);
        Assert.Equal(ParameterRole.Other, new Parameter(Tensor.Scalar(1)).Role);
        Assert.Equal(ParameterRole.Bias, new Parameter(Tensor.Ones([2, 3]), "bias").Role);
        Assert.Equal(ParameterRole.NormScale, new Parameter(Tensor.Ones([1, 3, 1, 1]), "gamma").Role);
        Assert.Equal(ParameterRole.NormShift, new Parameter(Tensor.Ones([1, 3, 1, 1]), "beta").Role);
        Assert.Equal(ParameterRole.Weight, new Parameter(Tensor.Ones([2]), "bias", ParameterRole.Weight).Role);
    }

    [Fact]
    public void A_tied_parameter_has_one_role()
    {
        Parameter weight = new Linear(2, 3).Weight;
        Assert.Equal(ParameterRole.Weight, new Tied(weight, null).Parameters()[0].Role);
        Assert.Equal(ParameterRole.Weight, new Tied(weight, ParameterRole.Weight).Parameters()[0].Role);
        string message = Assert.Throws<ArgumentException>(() => new Tied(weight, ParameterRole.NormScale)).Message;
        Assert.StartsWith("Tied.Register: expected the role Weight for weight (3, 2) Float32, which it was given "
            + "before, got NormScale.", message, StringComparison.Ordinal);
        Parameter fresh = new(Tensor.Ones([2]));
        Assert.Equal(ParameterRole.NormScale, new Tied(fresh, ParameterRole.NormScale).Parameters()[0].Role);
    }

    [Fact]
    public void A_norm_of_two_dimensions_is_no_step_of_depth_and_has_no_start_values_to_report()
    {
        var model = new Sequential(new Linear(6, 6), new Unflatten(1, [2, 3]), new LayerNorm([2, 3]), new Flatten(),
            new Linear(6, 2));
        Assert.Equal([true, false, false, false, true],
            model.Inspect(Tensor.RandomNormal([4, 6], new Philox(1))).Layers.Select(static layer => layer.HasWeight));
        Assert.Equal(["0", "4"], model.InitReport().Layers.Select(static layer => layer.Name));
    }

    [Fact]
    public void A_folded_norm_gives_its_layer_a_bias()
    {
        var model = new Sequential(new Linear(3, 4, bias: false), new BatchNorm1d(4), new Linear(4, 2));
        Module folded = model.Fold(Tensor.RandomNormal([5, 3], new Philox(1))).Model;
        Assert.Equal([ParameterRole.Weight, ParameterRole.Bias, ParameterRole.Weight, ParameterRole.Bias],
            folded.Parameters().Select(static parameter => parameter.Role));
    }

    private static float[] Values(Module module, string name) =>
        module.NamedParameters().Single(entry => entry.Name == name).Parameter.Value.ToArray<float>();

    private sealed class ScratchLayerNorm : Module
    {
        public ScratchLayerNorm(bool said)
        {
            if (said)
            {
                Register("scale", Tensor.Full([2, 3], 0.5), ParameterRole.NormScale);
                Register("shift", Tensor.Full([2, 3], 0.5), ParameterRole.NormShift);
                return;
            }

            Register("gamma", Tensor.Full([2, 3], 0.5));
            Register("beta", Tensor.Full([2, 3], 0.5));
        }

        protected override Tensor ForwardCore(Tensor x) => x;
    }

    private sealed class Mixed : Module
    {
        public Mixed()
        {
            Register("kernel", Tensor.Full([2, 3], 0.5), ParameterRole.Weight);
            Register("unsaid", Tensor.Full([2, 3], 0.5));
            Register("offset", Tensor.Full([2, 1], 0.5), ParameterRole.Bias);
            Register("slope", Tensor.Full([2, 3], 0.5), ParameterRole.Other);
            Register("row", Tensor.Full([3], 0.5), ParameterRole.Weight);
        }

        protected override Tensor ForwardCore(Tensor x) => x;
    }

    private sealed class Tied : Module
    {
        public Tied(Parameter parameter, ParameterRole? role) => Register("weight", parameter, role);

        protected override Tensor ForwardCore(Tensor x) => x;
    }


    [Fact]
    public void A_bias_that_is_registered_before_its_weight_is_drawn_as_it_is_behind_it()
    {
        var first = new BiasFirst();
        first.Initialize(Init.Default, seed: 1);
        Assert.Contains(first.Bias.Value.ToArray<float>(), static value => value != 0);
    }

    private sealed class BiasFirst : Module
    {
        public BiasFirst() =>
            (Bias, Weight) = (Register("bias", Tensor.Zeros([3])), Register("weight", Tensor.Ones([3, 4])));

        public Parameter Bias { get; }

        public Parameter Weight { get; }

        protected override Tensor ForwardCore(Tensor x) => x.Linear(Weight, Bias);
    }
}
