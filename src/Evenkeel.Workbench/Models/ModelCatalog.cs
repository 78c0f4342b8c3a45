using System.Globalization;
using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Serialization;

namespace Evenkeel.Workbench.Models;

/// <summary>A name of the catalog with a line for help.</summary>
/// <param name="Name">The name, or the pattern of names.</param>
/// <param name="Summary">What the network is.</param>
public sealed record ModelName(string Name, string Summary);

/// <summary>Networks by name, made for the samples that they will see.</summary>
public static class ModelCatalog
{
    private const string Mlp = "mlp", LeNetName = "lenet", JsonEnding = ".json";

    /// <summary>The smallest side of a picture that LeNet takes without padding.</summary>
    private const int LeNetSide = 16;

    /// <summary>The largest side of a picture for which the network for small images is the usual one.</summary>
    private const int LargestSmallSide = 64;

    /// <summary>The depths of the residual networks.</summary>
    private static readonly Dictionary<string, int> s_residual = new(StringComparer.Ordinal)
    {
        ["resnet20"] = 20,
        ["resnet32"] = 32,
        ["resnet44"] = 44,
        ["resnet56"] = 56,
        ["resnet18"] = 18,
        ["resnet34"] = 34,
    };

    /// <summary>The names, for help.</summary>
    public static IReadOnlyList<ModelName> Names { get; } =
    [
        new("mlp:256,128", "fully connected layers of these widths, each with norm, ReLU and dropout, then the last"),
        new("lenet", "LeNet with ReLU and max pooling, for pictures of 16 pixels a side or more"),
        new("resnet20", "the residual network for small square pictures; also resnet32, resnet44, resnet56"),
        new("resnet18", "the residual network for photographs (7x7 stem, 64 to 512 channels); also resnet34"),
        new("FILE.json", "the layers that a file describes, as evenkeel inspect --json prints them"),
    ];

    /// <summary>A network by its name, with fresh start values.</summary>
    /// <param name="model">A name of <see cref="Names"/>, or the path of a description that ends in .json.</param>
    /// <param name="sample">The shape of a sample: (features), or (channels, height, width) of a picture.</param>
    /// <param name="outputs">Values of an output: classes, or target numbers.</param>
    /// <param name="norm">
    /// The normalization. Null takes the network's own: batch norm in residual networks, none in the others.
    /// </param>
    /// <param name="dropout">Probability of a hidden value to be dropped; 0 for none. Only <c>mlp</c> has it.</param>
    /// <param name="random">The stream of the start values.</param>
    /// <exception cref="ArgumentException">
    /// There is no such name, or the network does not take the samples, the norm or the dropout.
    /// </exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="InvalidDataException">The file describes no network.</exception>
    public static Module Create(
        string model, Shape sample, int outputs, NormKind? norm, double dropout, IRandomStream random)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(random);
        if (outputs < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(outputs), $"model {model}: expected 1 or more outputs, got {outputs}.");
        }


        if (IsFile(model)) return FromFile(model, sample, outputs, norm, dropout, random);
        string name = model.ToLowerInvariant();
        if (name.Split(':')[0] == Mlp) return CreateMlp(name, sample, outputs, norm, dropout, random);
        bool isResidual = s_residual.TryGetValue(name, out int depth);
        if (!isResidual && name != LeNetName)
        {
            string[] names = [Mlp, LeNetName, .. s_residual.Keys];
            throw new ArgumentException(
                $"model {model}: expected {string.Join(", ", names)} or a file that ends in .json, got {model}."
                + NearestName.Hint(name.Split(':')[0], names), nameof(model));
        }

        if (dropout != 0)
        {
            throw new ArgumentException(
                $"model {model}: expected no dropout, got {dropout}. Only mlp has it; describe the layers in a file.",
                nameof(dropout));
        }

        if (sample.Rank != 3)
        {
            throw new ArgumentException(
                $"model {model}: expected pictures (channels, height, width), got samples of shape {sample}. "
                + $"For a table take {Mlp}, for example {DefaultFor(sample)}.", nameof(sample));
        }

        if (!isResidual) return CreateLeNet(sample, outputs, norm, random);
        if (sample[1] != sample[2])
        {
            throw new ArgumentException(
                $"model {model}: expected square pictures, got {sample[1]} x {sample[2]} pixels. Resize or crop them, "
                + $"or take {LeNetName}.", nameof(sample));
        }

        return depth is 18 or 34
            ? new ImageNetResNet(
                new ImageNetResNetOptions
                {
                    Channels = sample[0],
                    Classes = outputs,
                    Side = sample[1],
                    Depth = depth,
                    Norm = norm ?? NormKind.BatchNorm,
                },
                random)
            : new ResNet(
                new ResNetOptions
                {
                    Channels = sample[0],
                    Classes = outputs,
                    Side = sample[1],
                    Blocks = (depth - 2) / 6,
                    Norm = norm ?? NormKind.BatchNorm,
                },
                random);
    }

    /// <summary>The usual network for samples of a shape.</summary>
    /// <param name="sample">The shape of a sample.</param>
    /// <returns>
    /// For pictures: <c>lenet</c> below 32 pixels a side and for pictures that are not square, <c>resnet20</c> from 32
    /// to 64, <c>resnet18</c> above. For tables, and pictures below 16 pixels, <c>mlp:128,64</c>.
    /// </returns>
    public static string DefaultFor(Shape sample)
    {
        if (sample.Rank != 3 || Math.Min(sample[1], sample[2]) < LeNetSide) return $"{Mlp}:128,64";
        int side = sample[1];
        if (side != sample[2] || side < 32) return LeNetName;
        return side <= LargestSmallSide ? "resnet20" : "resnet18";
    }

    /// <summary>Whether a name is the path of a description.</summary>
    public static bool IsFile(string model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return model.EndsWith(JsonEnding, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>The shape of the samples that a network takes, if its first layer says it; null otherwise.</summary>
    /// <param name="model">The network.</param>
    public static Shape? SampleOf(Module model) => model switch
    {
        Linear linear => [linear.InFeatures],
        FullyConnected full => [full.InputDim],
        LeNet { Options: var options } => options.Size is { } size
            ? [options.Channels, size.Height, size.Width]
            : [options.Channels, 32 - (2 * options.Padding), 32 - (2 * options.Padding)],
        ResNet { Options: var options } => [options.Channels, options.Side, options.Side],
        ImageNetResNet { Options: var options } => [options.Channels, options.Side, options.Side],
        DeepMLP { Linears: [Linear first, ..] } => [first.InFeatures],
        Sequential chain => chain.FirstOrDefault(static layer => layer is not Flatten) is { } first
            ? SampleOf(first)
            : null,
        _ => null,
    };

    private static FullyConnected CreateMlp(
        string name, Shape sample, int outputs, NormKind? norm, double dropout, IRandomStream random)
    {
        string widths = name.Length > Mlp.Length ? name[(Mlp.Length + 1)..] : "128,64";
        int[] hidden = [.. widths.Split(',', StringSplitOptions.TrimEntries).Select(word =>
            int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int width) && width > 0
                ? width
                : throw new ArgumentException(
                    $"model {name}: expected widths of 1 or more behind the colon, as mlp:256,128, got '{word}'.",
                    nameof(name)))];
        var model = new FullyConnected(sample.Count, hidden, outputs, norm, dropout);
        model.Initialize(Init.Default, random);
        return model;
    }

    private static LeNet CreateLeNet(Shape sample, int outputs, NormKind? norm, IRandomStream random)
    {
        Size2 size = (sample[1], sample[2]);
        // LeNet's own padding takes 28 x 28 to 32 x 32, the size that it was made for.
        return new LeNet(
            new LeNetOptions
            {
                Channels = sample[0],
                Classes = outputs,
                Padding = size == 28 ? 2 : 0,
                Size = size == 28 || size == 32 ? null : size,
                Norm = norm,
                NormAfterSecondLinear = norm is not null,
            },
            random);
    }

    private static Module FromFile(
        string file, Shape sample, int outputs, NormKind? norm, double dropout, IRandomStream random)
    {
        if (norm is not null || dropout != 0)
        {
            throw new ArgumentException(
                $"model {file}: expected neither norm nor dropout beside a description of layers. Write them into the "
                + "file.", nameof(norm));
        }

        Module model = Read(file, random);
        Shape output;
        try
        {
            output = model.OutputShape(sample);
        }
        catch (ArgumentException e)
        {
            throw new ArgumentException(
                $"{file}: expected layers that take samples of shape {sample}. {e.Message}", nameof(file), e);
        }

        if (output.Rank == 2 && output[1] == outputs) return model;
        throw new ArgumentException(
            $"{file}: expected outputs (N, {outputs}), got {output} for {output[0]} samples of shape {sample}. Change "
            + "the last layer.", nameof(file));
    }

    /// <summary>The network that a file describes.</summary>
    /// <param name="file">The file.</param>
    /// <param name="random">The stream of the start values.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="InvalidDataException">It describes no network; the message names the file.</exception>
    public static Module Read(string file, IRandomStream random)
    {
        string json = File.ReadAllText(file);
        try
        {
            return ModuleDescription.FromJson(json, random);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{file}: {e.Message}", e);
        }
    }
}
