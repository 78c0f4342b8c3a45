using Evenkeel.Lab.Experiments;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Surgery;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Ops.Normalization;

/// <summary>Statistics over a group: several members with a part each are one process with the whole batch.</summary>
public sealed class SyncBatchNormTests : IDisposable
{
    /// <summary>
    /// The relative error of central differences of a smooth function: rounding over the step, and its square.
    /// </summary>
    private const double Differences = 1e-6;

    private readonly Dictionary<int, InProcessCollective> _groups = [];

    /// <summary>The same sums in another order.</summary>
    private const double Float64Tolerance = 1e-12, Float32Tolerance = 2e-6;

    /// <summary>
    /// The parts of a batch, and the shape of a sample. The last ones are large: their channels are
    /// gathered a few at a time.
    /// </summary>
    public static TheoryData<int[], int[]> Batches => new()
    {
        { [4, 4], [5] }, { [3, 5, 2], [70] }, { [1, 1], [6] }, { [1, 1, 1], [3, 1] }, { [5, 0, 2], [4] },
        { [200, 150], [65] }, { [2, 3], [3, 4] }, { [1, 4], [5, 6, 6] }, { [2, 1, 3], [17, 7, 7] },
        { [1, 2], [3, 2, 3, 4] }, { [3, 0], [2, 5] }, { [4, 2], [6, 64, 64] }, { [9, 8], [11, 40, 40] },
    };

    public void Dispose()
    {
        foreach (InProcessCollective group in _groups.Values) group.Dispose();
    }

    [Theory]
    [MemberData(nameof(Batches))]
    public void Members_give_the_bits_of_one_process_with_the_same_parts(int[] parts, int[] sample)
    {
        foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
        {
            (Tensor x, Tensor dy) = Batch(parts, sample, dtype);
            Pass alone = Pass.Run(
                x, dy, (x, gamma, beta, running) => x.SyncBatchNorm(gamma, beta, running, parts: parts));
            Pass[] members = Group(Split(x, parts),
                Split(dy, parts), static (x, gamma, beta, running) => x.SyncBatchNorm(gamma, beta, running));
            Pass.AssertSameBits(alone.Y, [.. members.SelectMany(static member => member.Y)], "y");
            Pass.AssertSameBits(alone.Dx, [.. members.SelectMany(static member => member.Dx)], "dx");
            foreach (Pass member in members)
            {
                Assert.Equal(alone.Mean, member.Mean);
                Assert.Equal(alone.Variance, member.Variance);
                Assert.Equal(8, member.Batches);
            }

            // A member's gradients of gamma and beta are its share.
            double tolerance = dtype == DType.Float64 ? 0 : Float32Tolerance;
            Pass.AssertClose(alone.Dgamma, Sum(members, static member => member.Dgamma), tolerance, "dgamma");
            Pass.AssertClose(alone.Dbeta, Sum(members, static member => member.Dbeta), tolerance, "dbeta");
        }
    }

    [Theory]
    [MemberData(nameof(Batches))]
    public void The_parts_together_are_the_whole_batch(int[] parts, int[] sample)
    {
        foreach (bool fuse in new[] { false, true })
        {
            foreach (DType dtype in new[] { DType.Float32, DType.Float64 })
            {
                (Tensor x, Tensor dy) = Batch(parts, sample, dtype);
                Pass whole = Pass.Run(
                    x, dy, (x, gamma, beta, running) => x.BatchNorm(gamma, beta, running, fuseReLU: fuse));
                Pass pooled = Pass.Run(x, dy,
                    (x, gamma, beta, running) => x.SyncBatchNorm(gamma, beta, running, fuseReLU: fuse, parts: parts));
                AssertClose(whole, pooled, dtype == DType.Float64 ? Float64Tolerance : Float32Tolerance);
            }
        }
    }

    [Fact]
    public void A_mean_far_from_zero_loses_no_digits()
    {
        int[] parts = [3, 6, 4];
        Tensor noise = Pass.Data([13, 5, 6, 6], 1, DType.Float64), dy = Pass.Data([13, 5, 6, 6], 2, DType.Float64);
        foreach (double mean in new[] { 1e4, -1e8 })
        {
            Tensor x = noise * 0.01 + mean;
            AssertClose(
                Pass.Run(x, dy, static (x, gamma, beta, running) => x.BatchNorm(gamma, beta, running)),
                Pass.Run(x, dy, (x, gamma, beta, running) => x.SyncBatchNorm(gamma, beta, running, parts: parts)),
                Float64Tolerance);
        }

        // A constant channel is exactly beta.
        foreach (double value in new Tape(Mode.Train)
            .Input(Tensor.Full([13, 5], 0.1, DType.Float64))
            .SyncBatchNorm(null, null, null, parts: parts)
            .ToArray<double>())
        {
            Assert.Equal(0, value);
        }
    }

    [Fact]
    public void Members_may_have_images_of_different_sizes()
    {
        int[][] shapes = [[2, 5, 4, 6], [3, 5, 3, 3], [4, 5, 1, 1], [1, 5, 64, 128]];
        Tensor[] xs = [.. shapes.Select(
            static (shape, member) => Pass.Data(shape, (ulong)(10 + member), DType.Float64) + member)];
        Tensor[] dys = [.. shapes.Select(
            static (shape, member) => Pass.Data(shape, (ulong)(20 + member), DType.Float64))];
        Pass[] members = Group(xs, dys, static (x, gamma, beta, running) => x.SyncBatchNorm(gamma, beta, running));
        Pass whole = Pass.Run(Tensor.Concat([.. xs.Select(ChannelsLast)]), Tensor.Concat([.. dys.Select(ChannelsLast)]),
            static (x, gamma, beta, running) => x.BatchNorm(gamma, beta, running));
        AssertClose(
            whole,
            members[0] with
            {
                Y = [.. members.SelectMany(
                    (member, i) => Pass.Doubles(ChannelsLast(Tensor.From(member.Y, xs[i].Shape))))],
                Dx = [.. members.SelectMany(
                    (member, i) => Pass.Doubles(ChannelsLast(Tensor.From(member.Dx, xs[i].Shape))))],
                Dgamma = Sum(members, static member => member.Dgamma),
                Dbeta = Sum(members, static member => member.Dbeta),
            },
            Float64Tolerance);

        static Tensor ChannelsLast(Tensor x) => x.Permute(0, 2, 3, 1).Reshape([x.Count / x.Shape[1], x.Shape[1]]);
    }

    [Fact]
    public void How_many_channels_go_together_changes_no_bit_of_a_member_with_a_single_pixel()
    {
        // The other member has images, and asks for as many channels as its cache and its threads allow.
        Tensor x = Pass.Data([300, 5], 1, DType.Float32) * 3 + 2, dy = Pass.Data([300, 5], 2, DType.Float32);
        Pass Run(int channelsAtOnce) => Pass.Run(
            x, dy, static (x, gamma, beta, running) => x.SyncBatchNorm(gamma, beta, running),
            new OtherWithImages(5, channelsAtOnce));
        Pass all = Run(5);
        foreach (int channelsAtOnce in new[] { 1, 2, 4 }) Pass.AssertSameBits(all, Run(channelsAtOnce));
    }

    [Fact]
    public void Gradients_through_the_group_match_differences()
    {
        foreach (int[] sample in new int[][] { [3], [2, 3] })
        {
            int[] parts = [2, 3];
            (Tensor x, Tensor dy) = Batch(parts, sample, DType.Float64);
            Tensor[] dys = Split(dy, parts);
            static Tensor Norm(Tensor x, Tensor gamma, Tensor beta, RunningStatistics running) =>
                x.SyncBatchNorm(gamma, beta, running);
            Tensor analytic = Tensor.From(
                [.. Group(Split(x, parts), dys, Norm).SelectMany(static member => member.Dx)], x.Shape);
            Tensor numeric = GradientCheck.NumericalGradient(
                moved =>
                {
                    Pass[] members = Group(Split(moved, parts), dys, Norm);
                    return members.SelectMany(static member => member.Y)
                        .Zip(Pass.Doubles(dy), static (y, cotangent) => y * cotangent)
                        .Sum();
                },
                x);
            Assert.True(GradientCheck.RelativeError(analytic, numeric) < Differences);

            Tensor gamma = Pass.Data([sample[0]], 3, DType.Float64), beta = Pass.Data([sample[0]], 4, DType.Float64);
            Assert.True(
                GradientCheck.Run(v => v[0].SyncBatchNorm(v[1], v[2], null, parts: parts), [x, gamma, beta]).Passed);
        }
    }

    [Fact]
    public void Alone_it_gives_the_bits_of_batch_norm()
    {
        using var group = new InProcessCollective(1);
        foreach (int[] shape in new int[][] { [8, 5], [33, 70], [7, 5, 6, 6] })
        {
            Pass plain = Pass.Run(shape, static (x, gamma, beta, running) => x.BatchNorm(gamma, beta, running));
            Pass.AssertSameBits(
                plain, Pass.Run(shape, static (x, gamma, beta, running) => x.SyncBatchNorm(gamma, beta, running)));
            Pass? member = null;
            group.Run(one => member = Pass.Run(
                shape, static (x, gamma, beta, running) => x.SyncBatchNorm(gamma, beta, running), members: one));
            Pass.AssertSameBits(plain, member!);
        }
    }

    [Fact]
    public void A_plain_norm_pools_only_on_a_tape_that_says_so()
    {
        int[] parts = [3, 5];
        (Tensor x, Tensor dy) = Batch(parts, [4, 3], DType.Float64);
        Tensor[] xs = Split(x, parts), dys = Split(dy, parts);
        Pass[] sync = Group(xs, dys, static (x, gamma, beta, running) => x.SyncBatchNorm(gamma, beta, running));
        Pass[] pooled = Group(
            xs, dys, static (x, gamma, beta, running) => x.BatchNorm(gamma, beta, running), poolsBatchStatistics: true);
        Pass[] plain = Group(xs, dys, static (x, gamma, beta, running) => x.BatchNorm(gamma, beta, running));
        Pass[] ghost = Group(xs, dys, static (x, gamma, beta, running) => x.GhostBatchNorm(100, gamma, beta, running),
            poolsBatchStatistics: true);
        Pass[] renorm = Group(
            xs, dys,
            static (x, gamma, beta, running) => x.BatchRenorm(gamma, beta, running, RenormLimits.Constant(1, 0)),
            poolsBatchStatistics: true);
        for (int member = 0; member < parts.Length; member++)
        {
            Pass.AssertSameBits(sync[member], pooled[member]);
            Pass.AssertSameBits(sync[member], renorm[member]);
            Pass.AssertSameBits(
                Pass.Run(
                    xs[member], dys[member], static (x, gamma, beta, running) => x.BatchNorm(gamma, beta, running)),
                plain[member]);
            Pass.AssertSameBits(plain[member], ghost[member]);
        }
    }

    [Fact]
    public void Renormalization_takes_the_groups_statistics()
    {
        int[] parts = [3, 5];
        (Tensor x, Tensor dy) = Batch(parts, [4, 3], DType.Float64);
        Pass[] members = Group(
            Split(x, parts), Split(dy, parts),
            static (x, gamma, beta, running) => x.BatchRenorm(gamma, beta, running, RenormLimits.Constant(1.2, 0.4)),
            poolsBatchStatistics: true);
        AssertClose(
            Pass.Run(x, dy, static (x, gamma, beta, running) => x.BatchRenorm(
                gamma, beta, running, RenormLimits.Constant(1.2, 0.4))),
            members[0] with
            {
                Y = [.. members.SelectMany(static member => member.Y)],
                Dx = [.. members.SelectMany(static member => member.Dx)],
                Dgamma = Sum(members, static member => member.Dgamma),
                Dbeta = Sum(members, static member => member.Dbeta),
            },
            Float64Tolerance);
    }

    [Fact]
    public void One_value_in_the_whole_group_is_refused_on_all_members()
    {
        using var group = new InProcessCollective(2);
        var refused = new ArgumentException[2];
        group.Run(member => refused[member.Rank] = Assert.Throws<ArgumentException>(() => new SyncBatchNorm(
            3).Forward(new Tape(Mode.Train) { Collective = member }.Input(Tensor.Zeros([member.Rank, 3])))));
        Assert.All(refused, static error => Assert.StartsWith(
            "SyncBatchNorm: expected more than one value per channel in the batches of all 2 members together, got 1",
            error.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void A_batch_that_is_not_finite_on_one_member_is_skipped_by_all()
    {
        using var group = new InProcessCollective(2);
        SyncBatchNorm[] layers = [new SyncBatchNorm(2), new SyncBatchNorm(2)];
        group.Run(member =>
        {
            Tensor x = Tensor.From([1f, 2f, member.Rank == 1 ? float.NaN : 3f, 4f], [2, 2]);
            layers[member.Rank].Forward(new Tape(Mode.Train) { Collective = member }.Input(x));
        });
        foreach (SyncBatchNorm layer in layers)
        {
            Assert.Equal([0f, 0f], layer.Running!.Mean.Value.ToArray<float>());
            Assert.Equal([1f, 1f], layer.Running.Variance.Value.ToArray<float>());
            Assert.Equal(1, layer.Running.SkippedBatches);
        }
    }

    [Fact]
    public void In_eval_nothing_is_gathered()
    {
        using var group = new InProcessCollective(2);
        group.Run(member =>
        {
            // One member alone would wait for the other.
            if (member.Rank == 0)
                new SyncBatchNorm(3).Forward(new Tape(Mode.Eval) { Collective = member }.Input(Tensor.Zeros([4, 3])));
        });

        // Without running statistics it is the member's own batch that counts.
        Tensor x = Pass.Data([4, 3], 1, DType.Float32);
        float[] own = new BatchNorm1d(3, trackRunningStats: false).Forward(x).ToArray<float>();
        group.Run(member =>
        {
            if (member.Rank != 0) return;
            foreach (BatchNorm layer in new BatchNorm[] {
                new SyncBatchNorm(3, trackRunningStats: false), new BatchNorm1d(3, trackRunningStats: false), })
            {
                Assert.Equal(own,
                    layer.Forward(new Tape(Mode.Eval) { Collective = member, PoolsBatchStatistics = true }.Input(x))
                        .ToArray<float>());
            }
        });
    }

    [Fact]
    public void The_layer_takes_any_rank_and_prints_like_PyTorch()
    {
        foreach (int[] shape in new int[][] { [4, 3], [4, 3, 2], [4, 3, 2, 2], [4, 3, 2, 2, 2] })
        {
            Assert.Equal(new Shape(shape), new SyncBatchNorm(
                3).Forward(new Tape(Mode.Train).Input(Tensor.RandomNormal(new Shape(shape), new Philox(1)))).Shape);
        }

        Assert.Equal("SyncBatchNorm(64, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)",
            new SyncBatchNorm(64).ToString());
        Assert.Equal(["weight", "bias", "running_mean", "running_var", "num_batches_tracked"],
            new SyncBatchNorm(4).StateDict().Keys);
        Assert.Contains(
            "SyncBatchNorm: expected (N, 3) or (N, 3, ...), got (3). Add the missing dimensions",
            Assert.Throws<ArgumentException>(() => new SyncBatchNorm(3).Forward(Tensor.Zeros([3]))).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(
            () => Tensor.Zeros([4, 3]).SyncBatchNorm(null, null, null, training: true, parts: [3, 2]));
        Assert.Throws<ArgumentException>(
            () => Tensor.Zeros([4, 3]).SyncBatchNorm(null, null, null, training: true, parts: [5, -1]));
    }

    [Fact]
    public void A_network_is_converted_with_its_values_and_settings()
    {
        var shared = new BatchNorm2d(3, momentum: 0.3);
        var net = new Sequential(shared, new Conv2d(3, 4, kernelSize: 1), new BatchNorm2d(4, Cs231n.Average, eps: 1e-3),
            new ReLU(), new GhostBatchNorm2d(4, 2), new BatchNorm2d(4, affine: false, trackRunningStats: false));
        net = new Sequential(shared, shared, net[1], net[2], net[4], net[5]);
        net.To(DType.Float64);
        Tensor x = Pass.Data([6, 3, 2, 2], 1, DType.Float64);
        net.Forward(new Tape(Mode.Train).Input(x));
        shared.FreezeStatistics();
        ((BatchNorm)net[3]).Weight!.RequiresGradient = false;
        var sync = (Sequential)SyncBatchNorm.ConvertFrom(
            net, static module => module is BatchNorm { VirtualBatchSize: > 0 });
        Assert.Equal(["SyncBatchNorm", "SyncBatchNorm", "Conv2d", "SyncBatchNorm", "GhostBatchNorm2d", "SyncBatchNorm"],
            Enumerable.Range(0, 6).Select(i => sync[i].TypeName));
        Assert.Same(sync[0], sync[1]);
        Assert.Equal(NormState.FrozenStatistics, ((SyncBatchNorm)sync[0]).State);
        Assert.False(((SyncBatchNorm)sync[3]).Weight!.RequiresGradient);
        for (int i = 0; i < 6; i++)
        {
            Assert.Equal(net[i].ToString()!.Replace("BatchNorm2d", "BatchNorm", StringComparison.Ordinal),
                sync[i].ToString()!.Replace("SyncBatchNorm", "BatchNorm", StringComparison.Ordinal).Replace(
                    "BatchNorm2d", "BatchNorm", StringComparison.Ordinal));
        }

        Assert.Equal(net.Forward(new Tape(Mode.Train).Input(x)).ToArray<double>(),
            sync.Forward(new Tape(Mode.Train).Input(x)).ToArray<double>());
        Assert.Equal(net.Forward(x * 2).ToArray<double>(), sync.Forward(x * 2).ToArray<double>());
        Assert.NotSame(shared.Weight, ((SyncBatchNorm)sync[0]).Weight);
        Assert.IsType<SyncBatchNorm>(SyncBatchNorm.ConvertFrom(shared));
    }

    [Fact]
    public void A_frozen_layer_gathers_nothing_and_one_value_may_be_allowed()
    {
        using var group = new InProcessCollective(2);
        group.Run(member =>
        {
            var tape = new Tape(Mode.Train) { Collective = member, PoolsBatchStatistics = true };
            var layer = new SyncBatchNorm(3);
            layer.FreezeStatistics();
            if (member.Rank == 0) layer.Forward(tape.Input(Tensor.Ones([4, 3])));
            double[] together = new double[2];
            member.AllGather("test", [0], together);
            // The whole group has one value per channel, and Keras gives beta.
            float[] y = tape.Input(Tensor.Ones([member.Rank, 3]))
                .BatchNorm(null, null, null, singleValue: SingleValue.Beta)
                .ToArray<float>();
            Assert.All(y, static value => Assert.Equal(0, value));
        });
    }

    /// <summary>
    /// A group of two, the second of which has 1000 values a channel with mean c, variance c + 1 and sums c and -c.
    /// </summary>
    private sealed class OtherWithImages(int channels, int channelsAtOnce) : ICollective
    {
        private int _next;

        public int Rank => 0;

        public int Size => 2;

        public void AllGather(string operation, ReadOnlySpan<double> own, Span<double> all)
        {
            own.CopyTo(all);
            Span<double> other = all[own.Length..];
            if (operation == "BatchNorm counts")
            {
                (other[0], other[1]) = (1000, channelsAtOnce);
                return;
            }

            bool isForward = operation == "BatchNorm forward";
            int width = own.Length / (isForward ? 4 : 2);
            Assert.Equal(Math.Min(channelsAtOnce, channels - _next), width);
            for (int i = 0; i < width; i++)
            {
                double c = _next + i;
                if (isForward)
                    (other[i], other[width + i], other[(2 * width) + i], other[(3 * width) + i]) = (c, 0, c + 1, 0);
                else (other[i], other[width + i]) = (c, -c);
            }

            _next = (_next + width) % channels;
        }
    }

    /// <summary>Every part is around another mean, with another spread.</summary>
    private static (Tensor X, Tensor Dy) Batch(int[] parts, int[] sample, DType dtype)
    {
        int[] shape = [parts.Sum(), .. sample];
        Tensor x = Pass.Data(shape, 1, DType.Float64);
        Tensor[] split = Split(x, parts);
        return (Tensor.Concat([.. split.Select(static (part, i) => part * (1 + 0.5 * i) + 0.7 * i)]).To(dtype),
            Pass.Data(shape, 2, dtype));
    }

    private static Tensor[] Split(Tensor x, int[] parts) =>
        [.. parts.Select((samples, i) => x.Slice(0, parts[..i].Sum(), samples))];

    private Pass[] Group(Tensor[] xs, Tensor[] dys, Pass.Norm norm, bool poolsBatchStatistics = false)
    {
        if (!_groups.TryGetValue(xs.Length, out InProcessCollective? group))
            _groups.Add(xs.Length, group = new InProcessCollective(xs.Length));
        var passes = new Pass[xs.Length];
        group.Run(member => passes[member.Rank] = Pass.Run(
            xs[member.Rank], dys[member.Rank], norm, member, poolsBatchStatistics));
        return passes;
    }

    private static double[] Sum(Pass[] members, Func<Pass, double[]> gradient)
    {
        double[] sum = [.. gradient(members[0])];
        foreach (Pass member in members.Skip(1))
            for (int c = 0; c < sum.Length; c++) sum[c] += gradient(member)[c];
        return sum;
    }

    private static void AssertClose(Pass expected, Pass actual, double tolerance)
    {
        Pass.AssertClose(expected.Y, actual.Y, tolerance, "y");
        Pass.AssertClose(expected.Dx, actual.Dx, tolerance, "dx");
        Pass.AssertClose(expected.Dgamma, actual.Dgamma, tolerance, "dgamma");
        Pass.AssertClose(expected.Dbeta, actual.Dbeta, tolerance, "dbeta");
        Pass.AssertClose(expected.Mean, actual.Mean, tolerance, "running_mean");
        Pass.AssertClose(expected.Variance, actual.Variance, tolerance, "running_var");
        Assert.Equal(expected.Batches, actual.Batches);
    }
}
