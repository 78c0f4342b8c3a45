using System.Runtime.CompilerServices;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Random;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests;

/// <summary>What docs/operations.md shows is what compiles and runs.</summary>
public sealed class OperationsPageTests
{
    [Fact]
    public void Every_line_of_code_on_the_page_is_in_this_file()
    {
        string source = ThisFile();
        string[] parts = File.ReadAllText(Path.Combine(Repository.Root, "docs", "operations.md")).Split("```");
        Assert.True(parts.Length >= 7);
        for (int i = 1; i < parts.Length; i += 2)
        {
            Assert.StartsWith("csharp\n", parts[i], StringComparison.Ordinal);
            Assert.All(
                parts[i].Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[1..],
                line => Assert.Contains(line, source, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void The_blocks_of_code_run()
    {
        var model = new Sequential(
            new Linear(4, 3, random: new Philox(1)), new BatchNorm1d(3), new Linear(3, 2, random: new Philox(2)));
        Module withLayerNorm = model.Clone(
            module => module is BatchNorm1d norm ? new LayerNorm(norm.NumFeatures) : null);
        Assert.IsType<LayerNorm>(((Sequential)withLayerNorm)[1]);

        var optimizer = new SGD(model.Parameters(), 0.1);
        var loss = new CrossEntropyLoss();
        Tensor inputs = Tensor.RandomNormal([8, 4], new Philox(3)), labels = Tensor.Labels([0, 1, 0, 1, 1, 0, 0, 1]);
        double whole = loss.Forward(model.Clone().Forward(new Tape(Mode.Train).Input(inputs)), labels).Item();
        using var replicas = new Replicas(model, count: 4, poolBatchStatistics: true);
        double value = replicas.Accumulate(inputs, labels, loss);
        optimizer.Step();
        optimizer.ZeroGrad();
        Assert.Equal(whole, value, Tolerances.Float32Roundoff);

        var norm = (BatchNorm1d)model[1];
        float[] before = norm.Running!.Mean.Value.ToArray<float>();
        var tape = new Tape(Mode.Train);
        Tensor result = loss.Forward(model.Forward(tape.Input(inputs)), labels) * double.PositiveInfinity;
        if (!double.IsFinite(result.Item())) tape.Reject();
        Assert.Equal(before, norm.Running.Mean.Value.ToArray<float>());
        Assert.Equal(1, norm.Running.NumBatchesTracked.Value.Item());
    }

    [Fact]
    public void Models_run_side_by_side()
    {
        Module[] models = [new Linear(4, 3, random: new Philox(1)), new Linear(4, 2, random: new Philox(2))];
        Tensor images = Tensor.RandomNormal([8, 4], new Philox(3));
        var answers = new Tensor[models.Length];
        Parallel.For(0, models.Length, i =>
        {
            using (Compute.UseThreads(1)) answers[i] = models[i].Predict(images);
        });
        Assert.Equal(models.Select(model => model.Predict(images).Shape), answers.Select(answer => answer.Shape));
    }

    [Fact]
    public void The_layer_on_the_page_is_no_weight()
    {
        var layer = new Scaled(2, 3);
        layer.Initialize(Init.KaimingNormal, seed: 1);
        Assert.Equal(ParameterRole.NormScale, layer.Scale.Role);
        Assert.All(layer.Forward(Tensor.Ones([2, 3])).ToArray<float>(), static y => Assert.Equal(1, y));

        var norm = new Moving();
        StateDict state = norm.StateDict();
        state["moving_var"].AsSpan<float>()[0] = -1;
        Assert.Throws<ArgumentException>(() => norm.LoadStateDict(state));
        Assert.True(norm.LoadStateDict(state, checkValues: false).IsComplete);
    }

    [Fact]
    public void The_modules_on_the_page_are_copied_and_take_two_inputs()
    {
        var heads = new Heads(3, "left", "right") { Task = "right" };
        var copy = (Heads)heads.Clone();
        Tensor x = Tensor.RandomNormal([4, 3], new Philox(1));
        Assert.Equal(heads.Predict(x).ToArray<float>(), copy.Predict(x).ToArray<float>());
        foreach (Parameter parameter in copy.Parameters()) parameter.Value.Fill(0);
        Assert.All(copy.Predict(x).ToArray<float>(), static y => Assert.Equal(0, y));
        Assert.Contains(heads.Predict(x).ToArray<float>(), static y => y != 0);

        var gated = new Gated(3);
        Tensor open = Tensor.Full([4, 3], 100);
        Assert.Equal(gated.Children["layer"].Predict(x).ToArray<float>(), gated.Predict(x, open).ToArray<float>());
    }

    private sealed class Moving : Module
    {
        public Moving() => RegisterBuffer("moving_var", Tensor.Ones([8]), range: StateRange.Variance);

        protected override Tensor ForwardCore(Tensor x) => x;
    }

    private static string ThisFile([CallerFilePath] string path = "") =>
        File.ReadAllText(Path.Combine(Repository.Root, "tests", "Evenkeel.Tests", Path.GetFileName(path)));
}

/// <summary>The layer of one's own on the page.</summary>
public sealed class Scaled : Module
{
    public Scaled(int height, int width) =>
        Scale = Register("scale", Tensor.Ones([height, width]), ParameterRole.NormScale);

    public Parameter Scale { get; }

    protected override Tensor ForwardCore(Tensor x) => x * Scale;
}

/// <summary>The module with state of its own on the page.</summary>
public sealed class Heads : Module
{
    private Dictionary<string, Linear> _byTask = [];

    public Heads(int features, params string[] tasks)
    {
        foreach (string task in tasks) _byTask[task] = Register(task, new Linear(features, 2));
    }

    public string Task { get; set; } = "";

    protected override Tensor ForwardCore(Tensor x) => _byTask[Task].Forward(x);

    protected override void CopyState(ModuleCopier copier) =>
        _byTask = _byTask.ToDictionary(head => head.Key, head => copier.Copy(head.Value));
}

/// <summary>The module of two inputs on the page.</summary>
public sealed class Gated : TwoInputModule
{
    private readonly Linear _layer;

    public Gated(int features) => _layer = Register("layer", new Linear(features, features));

    protected override Tensor ForwardCore(Tensor x, Tensor second) => _layer.Forward(x) * second.Sigmoid();
}
