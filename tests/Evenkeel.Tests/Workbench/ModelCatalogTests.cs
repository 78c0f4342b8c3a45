using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Serialization;
using Evenkeel.Tests.Serialization;
using Evenkeel.Workbench.Models;
using Xunit;

namespace Evenkeel.Tests.Workbench;

public sealed class ModelCatalogTests
{
    [Theory]
    [InlineData("mlp:16,8", "13", null)]
    [InlineData("mlp", "13", "batch")]
    [InlineData("mlp:5", "3x4x6", "layer")]
    [InlineData("lenet", "1x28x28", null)]
    [InlineData("lenet", "3x32x32", "batch")]
    [InlineData("lenet", "3x16x16", "layer")]
    [InlineData("lenet", "2x41x17", "rms")]
    [InlineData("resnet20", "3x32x32", null)]
    [InlineData("RESNET32", "1x17x17", "group:8")]
    [InlineData("resnet44", "3x8x8", "none")]
    [InlineData("resnet56", "3x8x8", "instance")]
    [InlineData("resnet18", "3x65x65", null)]
    [InlineData("resnet34", "1x32x32", "layer")]
    public void A_model_takes_its_samples_and_gives_its_outputs(string name, string sample, string? norm)
    {
        Shape shape = ShapeOf(sample);
        Module Make(ulong seed) => ModelCatalog.Create(
            name, shape, 5, norm is null ? null : NormName.Parse(norm), dropout: 0, new Philox(seed));
        Module model = Make(1);
        Assert.Equal([2, 5], model.OutputShape(shape));
        Assert.Equal(shape.Count, ModelCatalog.SampleOf(model)!.Value.Count);
        // The stream alone decides the start values.
        Assert.Equal(First(model), First(Make(1)));
        Assert.NotEqual(First(model), First(Make(2)));
    }

    [Fact]
    public void Options_reach_the_layers()
    {
        var mlp = (FullyConnected)ModelCatalog.Create("mlp:7,6", [4], 3, NormKind.BatchNorm, 0.25, new Philox(1));
        Assert.Equal(["Linear", "BatchNorm1d", "ReLU", "Dropout", "Linear", "BatchNorm1d", "ReLU", "Dropout", "Linear"],
            mlp.Layers.Select(static layer => layer.GetType().Name));
        Assert.Equal(0.25, ((Dropout)mlp.Layers[3]).P);
        Assert.Equal([7, 6, 3], mlp.Layers.OfType<Linear>().Select(static layer => layer.OutFeatures));
        Assert.Equal(44, ((ResNet)ModelCatalog.Create("resnet44", [3, 8, 8], 2, null, 0, new Philox(1))).Depth);
        Module lenet = ModelCatalog.Create("lenet", [1, 28, 28], 10, NormKind.BatchNorm, 0, new Philox(1));
        Assert.Equal(4, lenet.NamedModules().Count(static entry => entry.Module is BatchNorm));
        Assert.Equal(11_689_512, ModelCatalog.Create("resnet18", [3, 224, 224], 1000, null, 0, new Philox(1))
            .Parameters().Sum(static parameter => parameter.Value.Count));
    }

    [Fact]
    public void The_first_layer_says_which_samples_a_network_takes()
    {
        Assert.Equal([5], ModelCatalog.SampleOf(new Sequential(new Flatten(), new Sequential(new Linear(5, 2)))));
        Assert.Equal([7], ModelCatalog.SampleOf(new Sequential(new DeepMLP(7, 2), new Linear(7, 2))));
        Assert.Null(ModelCatalog.SampleOf(new Sequential(new Conv2d(3, 2, 3), new Flatten(), new Linear(8, 2))));
        Assert.Null(ModelCatalog.SampleOf(new Sequential(new ReLU(), new Linear(8, 2))));
        Assert.Null(ModelCatalog.SampleOf(new Sequential()));
    }

    [Theory]
    [InlineData("13", "mlp:128,64")]
    [InlineData("3x100", "mlp:128,64")]
    [InlineData("1x8x8", "mlp:128,64")]
    [InlineData("1x28x28", "lenet")]
    [InlineData("3x48x64", "lenet")]
    [InlineData("3x32x32", "resnet20")]
    [InlineData("3x64x64", "resnet20")]
    [InlineData("3x128x128", "resnet18")]
    public void The_usual_model_fits_the_samples(string sample, string expected)
    {
        Shape shape = ShapeOf(sample);
        Assert.Equal(expected, ModelCatalog.DefaultFor(shape));
        Assert.Equal([2, 3],
            ModelCatalog.Create(expected, shape, 3, NormKind.BatchNorm, 0, new Philox(1)).OutputShape(shape));
    }

    [Theory]
    [InlineData("resnet21", "3x32x32", 0, "model resnet21: expected mlp, lenet, resnet20,")]
    [InlineData("lennet", "3x32x32", 0, "Did you mean lenet?")]
    [InlineData("mpl:3", "4", 0, "Did you mean mlp?")]
    [InlineData("mlp:3,x", "4", 0, "expected widths of 1 or more behind the colon, as mlp:256,128, got 'x'.")]
    [InlineData("mlp:", "4", 0, "got ''")]
    [InlineData("lenet", "4", 0,
        "expected pictures (channels, height, width), got samples of shape (4). For a table take mlp")]
    [InlineData("lenet", "1x15x28", 0,
        "LeNet: expected images of 16 or more pixels a side with a padding of 0, got (15, 28).")]
    [InlineData("resnet20", "3x32x48", 0, "expected square pictures, got 32 x 48 pixels.")]
    [InlineData("lenet", "1x28x28", 0.5, "expected no dropout, got 0.5. Only mlp has it")]
    [InlineData("net.json", "4", 0.5, "expected neither norm nor dropout beside a description")]
    public void A_model_that_cannot_be_says_why(string name, string sample, double dropout, string expected)
    {
        Exception refused = Assert.ThrowsAny<ArgumentException>(
            () => ModelCatalog.Create(name, ShapeOf(sample), 2, null, dropout, new Philox(1)));
        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_describes_a_model()
    {
        using var folder = new TempFolder();
        string file = folder.File("net.json");
        File.WriteAllText(file, """{"layers": [{"type": "Linear", "inFeatures": 4, "outFeatures": 3}]}""");
        Module model = ModelCatalog.Create(file, [4], 3, null, 0, new Philox(1));
        Assert.Equal(First(new Linear(4, 3, random: new Philox(1))), First(model));
        Assert.Contains("expected outputs (N, 2), got (2, 3) for 2 samples of shape (4). Change the last layer.",
            Assert.Throws<ArgumentException>(() => ModelCatalog.Create(file, [4], 2, null, 0, new Philox(1))).Message,
            StringComparison.Ordinal);
        Assert.Contains("expected layers that take samples of shape (5).",
            Assert.Throws<ArgumentException>(() => ModelCatalog.Create(file, [5], 3, null, 0, new Philox(1))).Message,
            StringComparison.Ordinal);
        File.WriteAllText(file, "{}");
        Assert.StartsWith($"{file}: ModuleDescription.FromJson: expected \"type\" or \"layers\"",
            Assert.Throws<InvalidDataException>(() => ModelCatalog.Read(file, new Philox(1))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_of_the_catalog_comes_back_from_its_description()
    {
        foreach (string name in new[] { "mlp:4", "lenet", "resnet20", "resnet18" })
        {
            Module model = ModelCatalog.Create(name, [3, 32, 32], 2, NormKind.GroupNorm(4), 0, new Philox(1));
            Module made = ModuleDescription.FromJson(model.ToJson());
            made.LoadStateDict(model.StateDict());
            Tensor x = Tensor.RandomNormal([2, 3, 32, 32], new Philox(2));
            Assert.Equal(model.Forward(x).ToArray<float>(), made.Forward(x).ToArray<float>());
        }
    }

    internal static Shape ShapeOf(string text) => new([.. text.Split('x').Select(int.Parse)]);

    private static float[] First(Module model) => model.Parameters()[0].Value.ToArray<float>();
}
