namespace Evenkeel.Lab.Experiments.DoctorProof;

/// <summary>What is done to pixels before a network sees them.</summary>
/// <param name="Name">In figures.</param>
/// <param name="Scale">The factor of each channel of pixels from 0 to 1.</param>
/// <param name="Shift">What is added to each channel.</param>
internal sealed record PicturePipeline(string Name, double[] Scale, double[] Shift)
{
    private static readonly double[] s_mean = [0.485, 0.456, 0.406], s_deviation = [0.229, 0.224, 0.225];

    /// <summary>Pixels from 0 to 1.</summary>
    public static PicturePipeline Unit { get; } = new("unit", [1, 1, 1], [0, 0, 0]);

    /// <summary>ImageNet's mean taken off, divided by its deviation.</summary>
    public static PicturePipeline ImageNet { get; } = new("imagenet",
        [.. s_deviation.Select(static std => 1 / std)],
        [.. s_mean.Zip(s_deviation, static (mean, std) => -mean / std)]);

    /// <summary>What the two networks are trained with.</summary>
    public static IReadOnlyList<PicturePipeline> Right { get; } = [Unit, ImageNet];

    /// <summary>Whether the channels come in reverse order.</summary>
    public bool IsReversed { get; init; }

    /// <summary>Whether the memory of a picture is (H, W, C), read as if it were (C, H, W).</summary>
    public bool IsInterleaved { get; init; }

    /// <summary>
    /// What the doctor says of inputs that come through this pipeline by mistake: "with the inputs ...". Null if it
    /// knows no preparation that helps.
    /// </summary>
    public string? Remedy { get; init; }

    /// <summary>The six mistakes with pictures for a network that wants another pipeline.</summary>
    /// <param name="right">What the network was trained with: one of the two above.</param>
    public static IReadOnlyList<PicturePipeline> Mistakes(PicturePipeline right)
    {
        bool isUnit = right == Unit;
        const string Range = "0 to 1", Deviations = "ImageNet's mean 0 and deviation 1";
        return
        [
            new("times-255", [255, 255, 255], [0, 0, 0])
            {
                Remedy = isUnit ? "divided by 255" : $"brought from 0 to 255 to {Deviations}",
            },
            right with
            {
                Name = "reversed",
                IsReversed = true,
                Remedy = "given with the channels in reverse order (RGB for BGR)",
            },
            (isUnit ? ImageNet : Unit) with
            {
                Name = "mean-and-deviation",
                Remedy = isUnit ? $"brought from {Deviations} to {Range}" : $"brought from {Range} to {Deviations}",
            },
            new("minus-1-to-1", [2, 2, 2], [-1, -1, -1])
            {
                Remedy = $"brought from -1 to 1 to {(isUnit ? Range : Deviations)}",
            },
            right with { Name = "layout", IsInterleaved = true, Remedy = "read as (N, H, W, C)" },
            right with
            {
                Name = "255-twice",
                Scale = [.. right.Scale.Select(static scale => scale / 255)],
                Remedy = isUnit ? "multiplied by 255" : null,
            },
        ];
    }

    /// <summary>The names of the mistakes, and what they are called.</summary>
    public static IReadOnlyList<(string Name, string Title)> Titles { get; } =
    [
        ("times-255", "pixels from 0 to 255"),
        ("reversed", "channels reversed"),
        ("mean-and-deviation", "mean and deviation left out or added"),
        ("minus-1-to-1", "pixels from -1 to 1"),
        ("layout", "channels last"),
        ("255-twice", "divided by 255 twice"),
    ];

    /// <summary>Pictures as this pipeline gives them to a network.</summary>
    /// <param name="pixels">Pixels from 0 to 1, (N, 3, H, W).</param>
    public Tensor Apply(Tensor pixels)
    {
        int count = pixels.Shape[0], size = pixels.Count / count, points = size / 3;
        Tensor inputs = Tensor.Zeros(pixels.Shape);
        ReadOnlySpan<float> from = pixels.AsSpan<float>();
        Span<float> to = inputs.AsSpan<float>();
        for (int n = 0; n < count; n++)
        {
            for (int c = 0; c < 3; c++)
            {
                int target = IsReversed ? 2 - c : c;
                for (int i = 0; i < points; i++)
                {
                    int place = IsInterleaved ? (3 * i) + target : (target * points) + i;
                    to[(n * size) + place] =
                        (float)((Scale[c] * from[(n * size) + (c * points) + i]) + Shift[c]);
                }
            }
        }

        return inputs;
    }
}
