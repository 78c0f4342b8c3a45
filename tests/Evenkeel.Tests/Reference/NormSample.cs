using Evenkeel.Random;
using FsCheck;
using FsCheck.Fluent;

namespace Evenkeel.Tests.Reference;

/// <summary>
/// A random input of the property tests on norms: a shape, and multiples of 1/64 in [-4, 4), so that a shift by a whole
/// number is exact in either type.
/// </summary>
internal sealed record NormSample(int Samples, int Channels, int[] Spatial, int Seed, double Eps)
{
    /// <summary>
    /// The largest number of values per channel in a sample, and of values in all: a property
    /// runs on some sixty samples.
    /// </summary>
    private const int MaxPixels = 70, MaxValues = 3000;

    private static readonly double[] _epsilons = [0, 1e-5, 1e-3, 1];

    public Shape Shape => new([Samples, Channels, .. Spatial]);

    /// <summary>Values of a channel in a sample.</summary>
    public int Pixels => Spatial.Aggregate(1, (a, b) => a * b);

    public int Channel(int i) => i / Pixels % Channels;

    public int Sample(int i) => i / Pixels / Channels;

    public double[] Values() => Array.ConvertAll(Draw("values", Shape.Count), u => (Math.Floor(512 * u) - 256) / 64);

    /// <summary>Multiples of 1/64 in [-1, 1): the cotangent.</summary>
    public double[] Cotangent() =>
        Array.ConvertAll(Draw("cotangent", Shape.Count), u => (Math.Floor(128 * u) - 64) / 64);

    /// <summary>Multiples of 1/64 in [-1, 2) for gamma and in [-1, 1) for beta.</summary>
    public (double[] Gamma, double[] Beta) Parameters(int count) =>
        (Array.ConvertAll(Draw("gamma", count), u => (Math.Floor(192 * u) - 64) / 64),
            Array.ConvertAll(Draw("beta", count), u => (Math.Floor(128 * u) - 64) / 64));

    /// <summary>A random order of the numbers below <paramref name="count"/>.</summary>
    public int[] Order(string name, int count)
    {
        int[] order = [.. Enumerable.Range(0, count)];
        double[] keys = Draw(name, count);
        Array.Sort(keys, order);
        return order;
    }

    /// <summary>A number from 0 to <paramref name="below"/> - 1.</summary>
    public int Pick(string name, int below) => (int)(Draw(name, 1)[0] * below);

    public override string ToString() => $"shape {Shape}, eps {Eps}, seed {Seed}";

    /// <summary>
    /// Every combination of ranks 2 to 5, odd and even sizes around the widths of a pack, with at least two values per
    /// channel; a failing one is made smaller.
    /// </summary>
    public static Arbitrary<NormSample> Any { get; } = Arb.From(Generator(), Smaller);

    /// <summary>
    /// Runs a property on <paramref name="tests"/> samples, always the same ones; on failure the exception says the
    /// sample and FsCheck's seed.
    /// </summary>
    public static void ForAll(Action<NormSample> property, int tests = 60) => Prop.ForAll(Any, property)
        .Check(Config.QuickThrowOnFailure.WithMaxTest(tests).WithQuietOnSuccess(true).WithReplay(231, 114515));

    private static Gen<NormSample> Generator() =>
        from rank in Gen.Choose(0, 3)
        from samples in Gen.Frequency((4, Gen.Choose(1, 9)), (1, Gen.Choose(15, 40)))
        from channels in Gen.Frequency((4, Gen.Choose(1, 9)), (1, Gen.Elements(12, 15, 16, 17, 31, 32, 33, 65)))
        from spatial in Gen.ArrayOf(
            Gen.Frequency((3, Gen.Choose(1, 5)), (1, Gen.Elements(7, 15, 16, 17, 31, 33, 63, 65))), rank)
        from seed in Gen.Choose(0, int.MaxValue)
        from eps in Gen.Elements(_epsilons)
        select Fit(new NormSample(samples, channels, spatial, seed, eps));

    private static NormSample Fit(NormSample sample)
    {
        int[] spatial = sample.Spatial;
        int pixels = 1;
        for (int i = 0; i < spatial.Length; i++)
        {
            spatial[i] = Math.Min(spatial[i], MaxPixels / pixels);
            pixels *= spatial[i];
        }

        int channels = Math.Min(sample.Channels, MaxValues / pixels / 2);
        int samples = Math.Min(sample.Samples, MaxValues / pixels / channels);
        return sample with { Channels = channels, Samples = samples * pixels > 1 ? samples : 2 };
    }

    private static IEnumerable<NormSample> Smaller(NormSample sample)
    {
        if (sample.Samples > 1 && (sample.Samples - 1) * sample.Pixels > 1)
            yield return sample with { Samples = sample.Samples - 1 };
        if (sample.Channels > 1) yield return sample with { Channels = sample.Channels - 1 };
        for (int i = 0; i < sample.Spatial.Length; i++)
        {
            int[] spatial = [.. sample.Spatial];
            spatial[i]--;
            NormSample smaller = sample with { Spatial = spatial };
            if (spatial[i] > 0 && smaller.Samples * smaller.Pixels > 1) yield return smaller;
        }
    }

    private double[] Draw(string name, int count)
    {
        double[] uniform = new double[count];
        new Philox((ulong)Seed, name).Fill(uniform);
        return uniform;
    }
}
