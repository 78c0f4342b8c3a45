using Evenkeel.Nn;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Ops.Normalization;

/// <summary>
/// A rejected pass leaves no trace in running statistics, whatever the form of the batch norm and however
/// often it has updated them.
/// </summary>
public sealed class RejectedStatisticsTests
{
    public static TheoryData<string> Layers => new("batch", "ghost", "renorm", "sync", "cumulative", "instance");

    [Theory]
    [MemberData(nameof(Layers))]
    public void Several_updates_in_a_pass_are_taken_back(string kind)
    {
        Module layer = Layer(kind);
        var tape = new Tape(Mode.Train);
        layer.Forward(tape.Input(Tensor.RandomNormal([8, 3, 2], new Philox(1))));
        State before = State.Of(layer);
        for (int attempt = 0; attempt < 3; attempt++)
        {
            tape.Reset();
            // The layer runs twice: its own output is a second batch.
            Tensor y = layer.Forward(layer.Forward(
                tape.Input(Tensor.RandomNormal([10, 3, 2], new Philox(2)) * 3.0 + 5.0, requiresGradient: true)));
            Assert.NotEqual(before, State.Of(layer));
            if (attempt == 1) y.Mean().Backward();
            tape.Reject();
            tape.Reject();
            Assert.Equal(before, State.Of(layer));
        }

        // What is not rejected stays, and a rejection of the next pass does not reach it.
        tape.Reset();
        layer.Forward(tape.Input(Tensor.RandomNormal([8, 3, 2], new Philox(3))));
        State after = State.Of(layer);
        Assert.NotEqual(before, after);
        tape.Reset();
        tape.Reject();
        Assert.Equal(after, State.Of(layer));
    }

    [Fact]
    public void A_ghost_batch_whose_parts_are_partly_skipped_is_taken_back()
    {
        var layer = new GhostBatchNorm1d(2, 2);
        var tape = new Tape(Mode.Train);
        State before = State.Of(layer);
        layer.Forward(tape.Input(Tensor.From([1f, 2f, float.NaN, 4f, 5f, 7f, 6f, 9f, 1f, 2f, 0f, 3f], [6, 2])));
        Assert.Equal(2, layer.Running!.NumBatchesTracked.Value.AsSpan<long>()[0]);
        Assert.Equal(1, layer.Running.SkippedBatches);
        Assert.NotEqual(before, State.Of(layer));
        tape.Reject();
        Assert.Equal(before, State.Of(layer));
    }

    [Fact]
    public void A_pass_that_failed_half_way_is_taken_back()
    {
        var net = new Sequential(new BatchNorm1d(3), new Linear(3, 4), new BatchNorm1d(5));
        var tape = new Tape(Mode.Train);
        var first = (BatchNorm)net[0];
        State before = State.Of(first);
        Assert.Throws<ArgumentException>(() => net.Forward(tape.Input(Tensor.RandomNormal([8, 3], new Philox(1)))));
        Assert.NotEqual(before, State.Of(first));
        tape.Reject();
        Assert.Equal(before, State.Of(first));
    }

    [Fact]
    public void A_group_that_broke_between_its_norms_is_taken_back_on_all_members()
    {
        using var group = new InProcessCollective(2);
        BatchNorm[] layers = [new SyncBatchNorm(3), new SyncBatchNorm(3)];
        Tape[] tapes = new Tape[2];
        Assert.Throws<FormatException>(() => group.Run(member =>
        {
            Tape tape = tapes[member.Rank] = new Tape(Mode.Train) { Collective = member };
            Tensor y = layers[member.Rank]
                .Forward(tape.Input(Tensor.RandomNormal([4, 3], new Philox((ulong)member.Rank))));
            if (member.Rank == 1) throw new FormatException("a bad picture");
            layers[member.Rank].Forward(y);
        }));
        foreach (Tape tape in tapes) tape.Reject();
        foreach (BatchNorm layer in layers) Assert.Equal(State.Of(new SyncBatchNorm(3)), State.Of(layer));
    }

    private static Module Layer(string kind) => kind switch
    {
        "ghost" => new GhostBatchNorm1d(3, 2, RunningAverage.Torch(0.3)),
        "renorm" => new BatchRenorm1d(3, limits: RenormLimits.Constant(2, 1)),
        "sync" => new SyncBatchNorm(3),
        "instance" => new InstanceNorm1d(3, trackRunningStats: true),
        "cumulative" => new BatchNorm1d(3, momentum: null),
        _ => new BatchNorm1d(3),
    };

    private sealed record State(string Mean, string Variance, long Batches)
    {
        public static State Of(Module layer)
        {
            RunningStatistics running = ((ITrackingNorm)layer).Running!;
            return new State(
                Convert.ToHexString(running.Mean.Value.Bytes()), Convert.ToHexString(running.Variance.Value.Bytes()),
                running.NumBatchesTracked.Value.AsSpan<long>()[0]);
        }
    }
}
