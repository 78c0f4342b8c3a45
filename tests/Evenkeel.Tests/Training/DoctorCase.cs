using Evenkeel.Data;
using Evenkeel.Examination;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests.Training;

/// <summary>Three small networks with their data, on which the doctor looks at each step of a short training.</summary>
internal static class DoctorCase
{
    public const int Side = 16, Classes = 4, BatchSize = 24;

    public static readonly string[] Networks = ["MLP", "LeNet", "ResNet"];

    /// <summary>A network of small width.</summary>
    public static Module Network(string kind, NormKind? norm = null, int side = Side) => kind switch
    {
        "MLP" => Started(new FullyConnected(TrainingCase.Features, [32, 32], Classes, norm)),
        "LeNet" => new LeNet(
            new LeNetOptions { Channels = 1, Classes = Classes, Size = new Size2(Side, Side), Norm = norm },
            new Philox(5)),
        _ => new ResNet(
            new ResNetOptions
            {
                Channels = 1,
                Classes = Classes,
                Blocks = 1,
                Width = 4,
                Side = side,
                Norm = norm ?? NormKind.None,
            },
            new Philox(5)),
    };

    /// <summary>Noise plus a mark of the class: some features, or a quarter of the picture.</summary>
    public static TensorDataset Samples(string kind, int count, ulong seed = 1, int side = Side)
    {
        if (kind == "MLP") return TrainingCase.Samples(count, seed);
        var random = new Philox(seed);
        float[] values = new float[count * side * side];
        random.FillNormal(values);
        for (int i = 0; i < count; i++)
        {
            (int top, int left) = (i % 4 / 2 * (side / 2), i % 2 * (side / 2));
            for (int y = 0; y < side / 2; y++)
            {
                for (int x = 0; x < side / 2; x++) values[(((i * side) + top + y) * side) + left + x] += 0.7f;
            }
        }

        return new TensorDataset(Tensor.From(values, [count, 1, side, side]), TrainingCase.Labels(count));
    }

    /// <summary>The first layer with weights, its norm (if there is one), and the last layer.</summary>
    public static (Module First, ITrackingNorm? Norm, Linear Last) Parts(Module model)
    {
        Module[] modules = [.. model.NamedModules().Select(static entry => entry.Module)];
        return (modules.First(static module => module is Linear or ConvNd),
            modules.OfType<ITrackingNorm>().FirstOrDefault(), modules.OfType<Linear>().Last());
    }

    public static Parameter WeightOf(Module layer) =>
        layer.NamedParameters().First(static entry => entry.Name == "weight").Parameter;

    public static void Scale(Parameter parameter, double factor) =>
        parameter.Value.CopyFrom(parameter.Value * factor);

    /// <summary>Trains for some epochs of ten steps, looked at in each.</summary>
    public static Trainer Create(
        Module model, Func<IReadOnlyList<Parameter>, Optimizer>? optimizer = null, int epochs = 1,
        Action<TrainerOptions>? set = null)
    {
        var options = new TrainerOptions
        {
            Epochs = epochs,
            BatchSize = BatchSize,
            TrainingSamples = 0,
            Monitor = Scores.LossName,
            Seed = 3,
            Doctor = new TrainingDoctor { Every = 1 },
        };
        set?.Invoke(options);
        IReadOnlyList<Parameter> parameters = model.Parameters();
        Optimizer steps = optimizer?.Invoke(parameters) ?? new SGD(parameters, 0.02, momentum: 0.9);
        return new Trainer(model, steps, new CrossEntropyLoss(), options);
    }

    public static History Train(
        string kind, Module model, Func<IReadOnlyList<Parameter>, Optimizer>? optimizer = null, int epochs = 1,
        Action<TrainerOptions>? set = null) =>
        Create(model, optimizer, epochs, set).Fit(Samples(kind, 10 * BatchSize));

    /// <summary>Exactly this rule has found something, at this level, and no other is more than a note.</summary>
    public static void AssertOnly(History history, string rule, FindingLevel level = FindingLevel.Warning)
    {
        string all = TextOf(history);
        Assert.True(history.Findings.Any(said => said.Finding.Rule == rule && said.Finding.Level == level),
            $"expected a finding of {rule}, got\n{all}");
        Assert.True(
            history.Findings.All(said => said.Finding.Rule == rule || said.Finding.Level == FindingLevel.Note), all);
        Assert.All(history.Findings, static said => Assert.DoesNotContain("NaN", said.Finding.Message,
            StringComparison.Ordinal));
        Assert.Equal(
            history.Findings.Count,
            history.Findings.Select(static said => (said.Finding.Rule, said.Finding.Layer)).Distinct().Count());
    }

    /// <summary>Nothing is worse than a note.</summary>
    public static void AssertHealthy(History history, string what)
    {
        string all = TextOf(history);
        Assert.True(
            history.Findings.All(static said => said.Finding.Level == FindingLevel.Note), $"{what}:\n{all}");
    }

    private static string TextOf(History history) =>
        string.Join('\n', history.Findings.Select(static said => $"{said.Iteration}: {Text(said.Finding)}"));

    private static string Text(Finding finding) =>
        $"{finding.Rule} {finding.Level} \"{finding.Layer}\" {finding.Measured:G3} against {finding.Bound:G3}";

    private static FullyConnected Started(FullyConnected model)
    {
        model.Initialize(Init.KaimingNormal, seed: 5);
        Scale(Parts(model).Last.Weight, 0.3);
        return model;
    }
}

/// <summary>A network that runs its body on the parts of a batch one after the other.</summary>
internal sealed class InParts : Module
{
    private readonly Module _body;
    private readonly int _parts;

    public InParts(Module body, int parts) => (_body, _parts) = (Register("body", body), parts);

    protected override Tensor ForwardCore(Tensor x)
    {
        var results = new Tensor[_parts];
        int rows = x.Shape[0] / _parts;
        for (int part = 0; part < _parts; part++) results[part] = _body.Forward(x.Slice(0, part * rows, rows));
        return Tensor.Concat(results);
    }
}

/// <summary>A network with a layer that no pass uses.</summary>
internal sealed class WithSpare : Module
{
    private readonly Module _body;

    public WithSpare(Module body)
    {
        _body = Register("body", body);
        Register("spare", new Linear(3, 2));
    }

    protected override Tensor ForwardCore(Tensor x) => _body.Forward(x);
}
