using System.Text.Json;
using Evenkeel.Data;
using Evenkeel.Lab.Drawn;
using Evenkeel.Lab.Experiments.Convnets;
using Evenkeel.Nn;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Lab;

public sealed class LeNetExperimentsTests
{
    /// <summary>Two ways to the same sums in float32.</summary>
    private const double Rounding = 2e-5;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Batch_norm_from_primitives_is_the_librarys(bool isSpatial)
    {
        Shape shape = isSpatial ? [7, 3, 5, 4] : [9, 3];
        var random = new Philox(3);
        Tensor x = Tensor.RandomNormal(shape, random, DType.Float64),
            cotangent = Tensor.RandomNormal(shape, random, DType.Float64);
        var scratch = new ScratchBatchNorm(3, isSpatial);
        Module library = isSpatial ? new BatchNorm2d(3) : new BatchNorm1d(3);
        Module[] both = [scratch, library];
        var results = new List<(Tensor Y, Tensor Dx)>();
        foreach (Module norm in both)
        {
            norm.To(DType.Float64);
            var tape = new Tape(Mode.Train);
            Tensor input = tape.Input(x, requiresGradient: true);
            Tensor y = norm.Forward(input);
            y.Backward(cotangent);
            results.Add((y.Clone(), input.Gradient!.Clone()));
        }

        Near(results[1].Y, results[0].Y, Tolerances.Float64Roundoff);
        Near(results[1].Dx, results[0].Dx, Tolerances.Float64Roundoff);
        IReadOnlyList<Parameter> own = scratch.Parameters(), theirs = library.Parameters();
        for (int p = 0; p < 2; p++)
            Near(theirs[p].Gradient!.Reshape([3]), own[p].Gradient!.Reshape([3]), Tolerances.Float64Roundoff);

        // After one batch the moving averages are nine tenths of the start values and a tenth of the batch's,
        // with the biased variance.
        Tensor mean = isSpatial ? x.Mean([0, 2, 3]) : x.Mean([0]),
            variance = isSpatial ? x.Variance([0, 2, 3], correction: 0) : x.Variance([0], correction: 0);
        Near(mean * 0.1, scratch.MovingMean.Value.Reshape([3]), Tolerances.Float64Roundoff);
        Near((variance * 0.1) + 0.9, scratch.MovingVariance.Value.Reshape([3]), Tolerances.Float64Roundoff);
    }

    [Fact]
    public void The_nets_have_the_lessons_parameters()
    {
        Assert.Equal(61_706, Count(FashionLeNet.None));
        Assert.Equal(62_158, Count(FashionLeNet.BatchNormed));
        Assert.Equal(62_158, Count(FashionLeNet.Scratch));
        Assert.Equal(61_714, Count(FashionLeNet.Scalar));

        static int Count(string variant) => FashionLeNet.Net(variant, new TorchGenerator(0)).Parameters().Sum(
            static parameter => parameter.Value.Count);
    }

    [Fact]
    public void Recalibrated_statistics_are_those_of_all_images_layer_by_layer()
    {
        (ImageSet set, _) = SyntheticFashion.Create(4, 530, 0);
        var images = new FashionImages(set, set);
        Sequential net = FashionLeNet.Net(FashionLeNet.BatchNormed, new TorchGenerator(1));
        using (DataLoader batches = images.TrainInOrder(530, DType.Float32, CancellationToken.None))
            Recalibration.Run(net, batches);

        // All images at once, each layer on what the layers before it give in use.
        Tensor x = Tensor.Zeros([530, 1, 28, 28]);
        new TransformedDataset(set, [new ToTensor()]).CopyTo([.. Enumerable.Range(0, 530)], x);
        int norms = 0;
        foreach (Module layer in net)
        {
            if (layer is BatchNorm { Running: { } running })
            {
                norms++;
                bool isSpatial = x.Shape.Rank == 4;
                Near(isSpatial ? x.Mean([0, 2, 3]) : x.Mean([0]), running.Mean.Value, Rounding);
                Near(isSpatial ? x.Variance([0, 2, 3]) : x.Variance([0]), running.Variance.Value, Rounding);
            }

            x = layer.Forward(x);
        }

        Assert.Equal(4, norms);
    }

    [Fact]
    public void Nets_do_not_depend_on_the_number_of_threads()
    {
        Assert.Equal(Hashes("1"), Hashes("3"));

        static string[] Hashes(string threads)
        {
            using LabProcess lab = LabProcess.Run(
                "run", "fashion-lenet", "banknotes-lenet", "--quick", "--epochs", "1", "--json", "--threads", threads);
            Assert.True(lab.Process.ExitCode == 0, lab.Error);
            Assert.Contains("fashion-lenet: synthetic garments (embedded", lab.Error, StringComparison.Ordinal);
            Assert.Contains("banknotes-lenet: synthetic banknotes (embedded", lab.Error, StringComparison.Ordinal);
            string[] hashes = [.. lab.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(static line => JsonElement.Parse(line).GetProperty("weightsHash").GetString()!)];
            Assert.Equal(2, hashes.Length);
            return hashes;
        }
    }

    private static void Near(Tensor expected, Tensor actual, double tolerance)
    {
        Assert.Equal(expected.Shape, actual.Shape);
        double[] wanted = expected.To(DType.Float64).ToArray<double>(),
            got = actual.To(DType.Float64).ToArray<double>();
        for (int i = 0; i < wanted.Length; i++)
            Assert.Equal(wanted[i], got[i], tolerance * Math.Max(1, Math.Abs(wanted[i])));
    }
}
