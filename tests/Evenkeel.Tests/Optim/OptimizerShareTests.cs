using Evenkeel.Nn;
using Evenkeel.Optim;
using Xunit;

namespace Evenkeel.Tests.Optim;

/// <summary>Several optimizers with a share of the state each take the steps of one that has all of it.</summary>
public sealed class OptimizerShareTests
{
    private const int Processes = 3, Before = 4, Steps = 12;

    public static TheoryData<string> Names => [.. OptimizerCases.All.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Shares_change_no_bit(string name)
    {
        Parameter[] alone = Create();
        Optimizer whole = OptimizerCases.All[name](alone);
        for (int t = 0; t < Before; t++) Step(alone, t, whole.Step);
        Parameter[][] models = [.. Enumerable.Range(0, Processes).Select(_ => Create())];
        Optimizer[] shared = Array.ConvertAll(models, model => OptimizerCases.All[name](model));
        for (int rank = 0; rank < Processes; rank++)
        {
            var share = new ElementShare(rank, Processes);
            for (int i = 0; i < alone.Length; i++) models[rank][i].Value.CopyFrom(alone[i].Value);
            // A state is cut when it is there, and cut when it is loaded.
            if (rank == 1) shared[rank].KeepShare(share);
            shared[rank].LoadStateDict(whole.StateDict());
            shared[rank].KeepShare(share);
        }

        Assert.Equal(whole.StateBytes, shared.Sum(static optimizer => optimizer.StateBytes));
        for (int t = Before; t < Steps; t++)
        {
            Step(alone, t, whole.Step);
            for (int rank = 0; rank < Processes; rank++) Step(models[rank], t, shared[rank].StepShare);
            Gather(models);
        }

        for (int i = 0; i < alone.Length; i++)
            Assert.Equal(alone[i].Value.ToArray<float>(), models[Processes - 1][i].Value.ToArray<float>());
        StateDict[] states = Array.ConvertAll(shared, static optimizer => optimizer.StateSoFar());
        foreach ((string key, Tensor value) in whole.StateDict())
        {
            if (Optimizer.IsScalarKey(key))
                Assert.All(states, state => Assert.Equal(value.Bytes().ToArray(), state[key].Bytes().ToArray()));
            else
                Assert.Equal(value.ToArray<float>(), states.SelectMany(state => state[key].ToArray<float>()));
        }
    }

    [Fact]
    public void What_needs_the_whole_state_is_refused()
    {
        Parameter[] model = Create();
        var optimizer = new Adam(model);
        Step(model, 0, optimizer.Step);
        optimizer.KeepShare(new ElementShare(1, 2));
        string step = Assert.Throws<InvalidOperationException>(optimizer.Step).Message;
        Assert.StartsWith("Adam.Step: expected an optimizer with its whole state, got one whose state 2", step,
            StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => optimizer.StateDict());
        Assert.Contains("got 3", Assert.Throws<InvalidOperationException>(
            () => optimizer.KeepShare(new ElementShare(1, 3))).Message, StringComparison.Ordinal);
    }

    /// <summary>One that the processes cannot share equally, and one with fewer elements than processes.</summary>
    private static Parameter[] Create() =>
    [
        .. new[] { OptimizerCases.Count, 2 }.Select(static count => new Parameter(Tensor.From(
            [.. Enumerable.Range(0, count).Select(static i => (float)OptimizerCases.Weight(i))], [count]))),
    ];

    private static void Step(Parameter[] model, int t, Action step)
    {
        foreach (Parameter parameter in model)
        {
            Tensor gradient = Tensor.From(
                [.. Enumerable.Range(0, parameter.Count).Select(i => (float)OptimizerCases.Gradient(i, t))],
                [parameter.Count]);
            parameter.ZeroGrad();
            (new Tape().Watch(parameter) * gradient).Sum().Backward();
        }

        step();
    }

    /// <summary>Gives all the weights that each has updated.</summary>
    private static void Gather(Parameter[][] models)
    {
        for (int i = 0; i < models[0].Length; i++)
        {
            for (int from = 0; from < Processes; from++)
            {
                (int start, int count) = new ElementShare(from, Processes).Of(models[0][i].Count);
                Span<float> updated = models[from][i].Value.AsSpan<float>().Slice(start, count);
                foreach (Parameter[] model in models) updated.CopyTo(model[i].Value.AsSpan<float>()[start..]);
            }
        }
    }
}
