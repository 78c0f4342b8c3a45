using Evenkeel.Examination;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Serialization;
using Xunit;
using NormFamily = Evenkeel.Examination.NormFamily;

namespace Evenkeel.Tests.Examination;

public sealed class ExaminedNetworkTests
{
    private static Sequential Network() =>
    [
        new Conv2d(3, 8, 3, bias: false, random: new Philox(1)), new BatchNorm2d(8), new ReLU(),
        new Conv2d(8, 6, 3, random: new Philox(2)), new BatchNorm2d(6), new Flatten(),
        new Linear(6, 4, random: new Philox(3)), new LayerNorm(4),
    ];

    [Fact]
    public void A_chain_has_its_neighbours_and_activations()
    {
        var network = ExaminedNetwork.Of(Network());
        Assert.True(network.HasGraph);
        Assert.Empty(network.Assumptions);
        ExaminedNorm[] norms = [.. network.Norms];
        Assert.Equal(["1", "4", "7"], norms.Select(static norm => norm.Name));
        Assert.Equal(["0", "3", "6"], norms.Select(static norm => norm.Before?.Name));
        Assert.Equal("3", norms[0].After?.Name);
        Assert.Equal("6", norms[1].After?.Name);
        Assert.Equal(FollowingActivation.ReLU, norms[0].Activation);
        Assert.Equal([NormFamily.Batch, NormFamily.Batch, NormFamily.Layer], norms.Select(static norm => norm.Family));
        Assert.All(norms, static norm => Assert.True(norm.AreNeighboursCertain && norm.IsEpsKnown));
    }

    [Theory]
    [InlineData("dense")]
    [InlineData("convolutions")]
    [InlineData("volumes")]
    [InlineData("residual")]
    public void A_pass_shows_what_the_order_of_the_library_s_networks_says(string architecture)
    {
        Module model = Patients.Make(architecture);
        Shape shape = architecture switch
        {
            "dense" => [1, 12],
            "volumes" => [1, 1, 8, 8, 8],
            _ => [1, 3, 16, 16],
        };
        ExaminedNetwork tree = ExaminedNetwork.Of(model), trace = ExaminedNetwork.Of(model, Tensor.Zeros(shape));
        Assert.Equal(tree.Layers.Select(static layer => layer.Name), trace.Layers.Select(static layer => layer.Name));
        Assert.Equal(tree.Norms.Select(Summary), trace.Norms.Select(Summary));
        Assert.All(trace.Norms, static norm => Assert.Equal(
            norm.Before is { } linear && linear.Shape.Count > 2, norm.ValuesPerSample > 1));

        static string Summary(ExaminedNorm norm) =>
            $"{norm.Name} {norm.Before?.Name} {norm.Activation} {norm.EndsResidual} {norm.FoldObstacle}";
    }

    [Fact]
    public void A_filters_summary_is_that_of_its_values()
    {
        Sequential model = Network();
        ExaminedLinear linear = ExaminedNetwork.Of(model).Linears.First();
        Tensor weight = ((Conv2d)model[0]).Weight.Value;
        for (int filter = 0; filter < 8; filter++)
        {
            double[] values = [.. Enumerable.Range(filter * 27, 27).Select(i => weight.ValueAt(i))];
            Assert.Equal(Math.Sqrt(values.Sum(static x => x * x)), linear.FilterNorms[filter], 1e-12);
            Assert.Equal(values.Max(Math.Abs), linear.FilterPeaks[filter]);
        }
    }

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    public void A_file_shows_what_the_network_shows(DType type)
    {
        Sequential model = Network();
        model.To(type);
        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.safetensors");
        try
        {
            model.Save(path);
            var network = ExaminedNetwork.Read(path);
            Assert.Equal("safetensors", network.Format);
            Assert.False(network.HasGraph);
            ExaminedNetwork whole = ExaminedNetwork.Of(model), archive = ExaminedNetwork.Of(TensorFile.Read(path));
            foreach (ExaminedNetwork other in new[] { network, archive })
            {
                Assert.Equal(whole.Layers.Select(static layer => layer.Name),
                    other.Layers.Select(static layer => layer.Name));
                foreach ((ExaminedLinear a, ExaminedLinear b) in whole.Linears.Zip(other.Linears))
                {
                    Assert.Equal(a.FilterNorms, b.FilterNorms);
                    Assert.Equal(a.FilterHashes, b.FilterHashes);
                    Assert.Equal(a.Bias, b.Bias);
                }

                foreach ((ExaminedNorm a, ExaminedNorm b) in whole.Norms.Zip(other.Norms))
                {
                    Assert.Equal(a.Gamma, b.Gamma);
                    Assert.Equal(a.Variance, b.Variance);
                    Assert.Equal(a.Batches, b.Batches);
                }
            }

            Assert.Equal(["0", "3"], network.Norms.Where(static norm => norm.Family == NormFamily.Batch)
                .Select(static norm => norm.Before?.Name));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [InlineData(StoredType.F16)]
    [InlineData(StoredType.BF16)]
    public void Narrow_weights_have_the_summary_of_their_widened_values(StoredType type)
    {
        var archive = new TensorArchive();
        var random = new Philox(7);
        Tensor weight = Tensor.Zeros([5, 150_001]);
        for (int i = 0; i < weight.Count; i++) weight.AsSpan<float>()[i] = (float)random.NextNormal();
        weight.AsSpan<float>()[3] = 1e-7f;
        weight.AsSpan<float>()[4] = float.NegativeInfinity;
        weight.AsSpan<float>()[5] = float.NaN;
        archive.Add("fc.weight", weight);
        TensorArchive narrow = archive.ConvertedTo(type);
        ExaminedLinear got = ExaminedNetwork.Of(narrow).Linears.Single();
        Tensor wide = narrow.Tensor("fc.weight");
        var again = new TensorArchive();
        again.Add("fc.weight", wide);
        ExaminedLinear expected = ExaminedNetwork.Of(again).Linears.Single();
        Assert.Equal(expected.FilterNorms, got.FilterNorms);
        Assert.Equal(expected.FilterPeaks, got.FilterPeaks);
        Assert.Equal(expected.FilterHashes, got.FilterHashes);
        Assert.Equal([("weight", 2L)], got.NotFinite);
    }

    [Fact]
    public void Equal_filters_have_equal_hashes_wherever_they_stand()
    {
        const int Inner = 70_001;
        Tensor weight = Tensor.Zeros([7, Inner]);
        Span<float> values = weight.AsSpan<float>();
        var random = new Philox(3);
        for (int i = 0; i < values.Length; i++) values[i] = (float)random.NextNormal();
        values[..Inner].CopyTo(values[(5 * Inner)..]);
        var archive = new TensorArchive();
        archive.Add("fc.weight", weight);
        UInt128[] hashes = ExaminedNetwork.Of(archive).Linears.Single().FilterHashes;
        Assert.Equal(hashes[0], hashes[5]);
        Assert.Equal(6, hashes.Distinct().Count());
    }

    [Fact]
    public void Threads_do_not_change_what_is_seen()
    {
        Tensor weight = Tensor.Zeros([600, 5000]);
        var random = new Philox(5);
        for (int i = 0; i < weight.Count; i++) weight.AsSpan<float>()[i] = (float)random.NextNormal();
        var archive = new TensorArchive();
        archive.Add("fc.weight", weight);
        int threads = Compute.Threads;
        try
        {
            Compute.Threads = 1;
            ExaminedLinear one = ExaminedNetwork.Of(archive).Linears.Single();
            Compute.Threads = 4;
            ExaminedLinear four = ExaminedNetwork.Of(archive).Linears.Single();
            Assert.Equal(one.FilterNorms, four.FilterNorms);
            Assert.Equal(one.FilterHashes, four.FilterHashes);
        }
        finally
        {
            Compute.Threads = threads;
        }
    }

    [Fact]
    public void The_outputs_of_a_transposed_convolution_are_its_second_dimension()
    {
        var model = new Sequential(new ConvTranspose2d(4, 6, 3, groups: 2, random: new Philox(1)), new BatchNorm2d(6));
        foreach (ExaminedNetwork network in
            new[] { ExaminedNetwork.Of(model), ExaminedNetwork.Of(Archive(model)) })
        {
            ExaminedLinear linear = network.Linears.Single();
            Assert.Equal(6, linear.Outputs);
            Tensor weight = ((ConvTranspose2d)model[0]).Weight.Value;
            // (in, out/groups, 3, 3): output 4 is the second of group 1, whose inputs are 2 and 3.
            double squares = 0;
            foreach (int input in new[] { 2, 3 })
            {
                for (int k = 0; k < 9; k++) squares += Math.Pow(weight.ValueAt((((input * 3) + 1) * 9) + k), 2);
            }

            Assert.Equal(Math.Sqrt(squares), linear.FilterNorms[4], 1e-12);
            Assert.Equal("0", network.Norms.Single().Before?.Name);
        }
    }

    private static TensorArchive Archive(Module model)
    {
        var archive = new TensorArchive();
        archive.Add("", model.StateDict());
        return archive;
    }
}
