using System.Runtime.InteropServices;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Random;

/// <summary>Golden values are of torch 1.13.1 on x86-64 Linux with AVX2 (Debian's package).</summary>
public sealed class TorchGeneratorTests
{
    // PyTorch's own log, sin and cos of floats are up to 3 units in the last place off in the product; near 0 the
    // error is one of the angle.
    private const double BlockFloatTolerance = 5e-7;

    // Two C libraries' log, sin and cos, each below one unit in the last place.
    private const double DoubleTolerance = 1e-15;

    private static readonly int[] s_sizes = [.. Enumerable.Range(1, 40), 1000];

    [Theory]
    [InlineData(0ul, 0x9a0f608cu, 0x164848e2u, 0x7838bcbdu, 0xc63e5fabu, 0x089c7b23u, 0xac5c1df1u)]
    [InlineData(1ul, 0x7eae45b0u, 0x921a0aceu, 0x36e6d9c4u, 0x93795017u, 0x9f6d07c0u, 0x94b9dd9bu)]
    [InlineData(231ul, 0xee81bba6u, 0x3fa214abu, 0x98ce8516u, 0x6e7bead2u, 0xae42c734u, 0xa591084bu)]
    [InlineData(4294967295ul, 0x3f37dc22u, 0xb44e90efu, 0x6e6be9e1u, 0xa0531449u, 0xd744a5bcu, 0x8f38c605u)]
    public void Uniform_numbers_and_integers_are_Torchs_bits(
        ulong seed, uint rand, uint randDouble, uint uniform, uint uniformDouble, uint permutation, uint integers)
    {
        Assert.Equal(rand, Draw<float>(seed, static (random, values) => random.Fill(values)));
        Assert.Equal(randDouble, Draw<double>(seed, static (random, values) => random.Fill(values)));
        Assert.Equal(uniform, Draw<float>(seed, static (random, values) => random.FillUniform(values, -0.3, 1.4)));
        Assert.Equal(
            uniformDouble, Draw<double>(seed, static (random, values) => random.FillUniform(values, -0.3, 1.4)));
        Assert.Equal(
            permutation, Draw<int>(seed, static (random, values) => random.Permutation(values.Length).CopyTo(values)));
        Assert.Equal(integers, Draw<int>(seed, static (random, values) => random.Choice(values.Length, values)));
    }

    /// <summary>
    /// The last of randn(n) and the middle one of normal_(0.3, 0.7) for n = 1, 2, ..., 40, 1000, and the
    /// rand() that follows all randn.
    /// </summary>
    public static TheoryData<ulong, float[], float[], double> Floats => new()
    {
        { 0,
            [
                1.5409961f, -2.1787894f, -1.3985955f, -0.40334353f, -1.0711874f, 0.37039354f, -0.7911027f, 0.25898454f,
                -1.0885837f, 0.17528333f, -0.33598807f, 0.5519643f, -1.7786636f, -2.502301f, -0.8201416f, 0.3903958f,
                0.79284775f, 0.95233315f, -1.4350673f, 4.1014934f, 0.9646938f, 0.08752438f, -2.409658f, -0.19529867f,
                -0.5641737f, -1.2772292f, -2.2561977f, -1.3941331f, 0.38271037f, -0.8499269f, 0.7988584f, 0.67686254f,
                -1.7845649f, 0.049964603f, 1.3176558f, 0.49316588f, 0.9431777f, -2.0626597f, -0.04178731f, 0.35834324f,
                0.19748089f],
            [
                1.3786973f, -1.2251526f, -0.45916563f, -0.2034803f, -0.29967222f, -0.32439673f, 0.4343086f, 0.43439656f,
                0.27170524f, 0.34390318f, 0.10056349f, -0.635234f, -0.3831471f, -0.17117171f, -0.091482885f, 0.2551826f,
                -0.3348194f, 1.1382706f, 0.0830423f, 0.5059409f, 0.104517885f, 0.010361482f, 0.55496097f, -0.3138657f,
                -0.31131467f, 1.7769421f, -0.084836975f, 0.70892435f, 0.1410606f, 0.79130787f, -0.4111143f, 0.29728687f,
                -0.8952769f, 1.5050931f, 0.31557828f, -0.09333242f, -0.63842255f, 0.034792513f, -0.7471716f,
                0.42904437f, 0.7325144f],
            0.45289354113752445 },
        { 1,
            [
                0.66135216f, 0.06167726f, -0.16613023f, -0.5630528f, 0.42241532f, 3.5869894f, 2.5285573f, -0.13830966f,
                -0.6841782f, -0.042147063f, 1.1340516f, -0.16676016f, 1.2707822f, -0.61006236f, 1.1370788f, 0.56311435f,
                0.5643541f, 1.053987f, -0.5396063f, 1.8469073f, 0.4194904f, -0.04978524f, 0.53688127f, -0.5091807f,
                -1.9900607f, -1.2448606f, -0.52409756f, -0.46432903f, -0.5918093f, 0.34688562f, -0.9746047f,
                -0.33637235f, -1.0095614f, 1.4006069f, -0.701189f, -0.6955264f, -0.05891708f, -1.6717656f, -0.32521394f,
                -0.73357123f, -0.5705258f],
            [
                0.76294655f, 0.34317407f, -0.016334176f, -0.419326f, 0.16314329f, -0.80086565f, 0.5278511f, 0.37717843f,
                0.49998492f, 0.022228936f, -1.4967157f, 0.3657322f, 0.76144826f, 1.4165821f, 0.58114254f, 0.5626931f,
                -0.28350028f, -0.78631055f, 0.5055437f, -0.09331013f, 0.036703914f, 1.052962f, -0.8093802f, 0.61080563f,
                -0.32108662f, -0.9712577f, 0.35842f, 1.0200639f, 1.1973072f, 1.0054883f, -0.58838165f, -0.20486835f,
                0.56554264f, 0.61732906f, 1.0979156f, 1.2832781f, 1.247506f, -1.3125757f, 0.29187468f, -1.0156342f,
                0.1734988f],
            0.591703394811953 },
        {
            231,
            [
                -1.1105818f, 1.528024f, 0.14548545f, -0.26694688f, 0.13588677f, -1.3091488f, 0.81198066f, 1.1167507f,
                0.0783522f, -2.3412266f, 0.08190695f, -1.2671473f, 1.5623688f, 0.4110871f, 0.96478075f, -0.3555269f,
                0.043803193f, 0.78056985f, -0.03759968f, 0.5132328f, -1.582182f, 0.99302906f, -0.18108518f, -0.6294517f,
                -0.38420337f, 0.65942895f, 1.3662053f, 0.5020133f, -0.10908738f, -2.833971f, 1.5617487f,
                0.6759499f, -0.0031441583f, -0.98240227f, -0.59870666f, -1.103096f, -2.4982576f, 0.710311f, -0.1767188f,
                0.32174346f, 0.9595003f],
            [
                -0.47740725f, 1.3696169f, -0.18744838f, 0.6162181f, 0.10199697f, 1.0617216f, -0.45743126f, -0.25094706f,
                0.38273486f, 0.16562915f, 2.2222226f, 0.4471904f, 0.49904454f, 0.055757117f, 0.93255776f, -0.6883029f,
                -0.5293771f, 0.024705749f, 1.2108136f, 0.044749245f, -0.49669713f, 0.39293906f, 0.9617057f,
                -0.40534157f, -0.5768937f, 0.5567668f, -0.04929027f, 0.5431602f, -0.050728053f, -0.43451387f,
                -0.4006012f, 0.24737282f, 1.6343352f, 0.15261783f, 1.954613f, -0.8162787f, -0.26176292f, 1.124231f,
                -0.44298545f, 0.39605653f, 0.82710326f],
            0.47253320771156526 },
    };

    /// <inheritdoc cref="Floats"/>
    public static TheoryData<ulong, double[], double[], double> Doubles => new()
    {
        {
            0,
            [
                1.5409961082440433, -2.1787893820745574, -1.3985953953708767, -0.40334352493217457, -1.0711873631091473,
                0.3703935333738153, -0.7911026902762878, 0.2589845413662202, -1.0885836526934918, 0.17528332277766262,
                -0.3359880730056498, 0.5519642948757691, -1.7786636657461636, -2.5023009394628133, -0.8201415877606197,
                0.8754186991348559, 0.11680004036673394, -1.0197709154751475, 1.0203613622871708, 3.028369754089089,
                0.655645940425105, -1.1105857166545192, 0.10869511841699855, -1.4428614058920286, -2.0663832529362556,
                0.539708323625413, -0.9653783624444189, -0.17653481956645195, 0.28086600089800623, 0.6069056356048209,
                0.4164421402647885, -0.6645230718482026, -0.48505169327694886, -0.9043923352274708, 0.6344912643461773,
                -0.4434933807891579, -0.7186483148810492, 0.010955544905521737, 0.6745445776766137, 1.3592171058754692,
                -0.16743990396714292],
            [
                1.3786972757708302, -1.2251525674521901, -0.4591656396968146, -0.20348030492855143,
                -0.29967221530746196, -0.3243967203645937, 0.4343085992353172, 0.43439655029978536, 0.27170523876844416,
                0.3439031807082091, 0.10056348827571275, -0.6352339857737538, -0.3831470937583298, -0.17117171454735483,
                -0.09148288593669804, 0.43584073797674, 0.9259690667640897, -0.32327785662927105,
                0.14915946380897632, -1.7028634819942912, 1.2755260470234482, -0.3358414520637888, 0.3888959880319338,
                0.5852916224368022, 1.2910399040923912, 1.4483574550150389, 1.0465056502784515, -0.3232757942146379,
                0.2549628057429821, -0.004426650156069864, 0.6074642584279539, 0.40032881986547925, -0.8539281546960493,
                -0.9427269822129091, 0.2574984383865737, -0.687118654002076, -1.2182807752111482, 1.114228630824424,
                -1.3596405028979872, 0.662232214495501, -0.665145242108291],
            0.5473802370985205 },
        {
            1,
            [
                0.6613521715704522, 0.061677258237348306, -0.16613023453557194, -0.5630527986537884,
                0.42241532118215536, 3.586989310317374, 2.5285573053756747, -0.13830966086820726, -0.6841781812800289,
                -0.04214706314638268, 1.1340515059114333, -0.1667601684383858, 1.2707822395108916, -0.6100623774444384,
                1.1370787377375309, 0.8391829356203929, -0.6811461429279089, 0.5789863449243879, 0.231180690037701,
                1.5516209014131506, -1.123175030424138, -1.1867978441165576, -0.5877949999462834, -0.09869914333301091,
                -0.6797799206036197, 0.008361383979843352, -0.1020309374047345, 1.004019608861769, 1.0016921632916878,
                0.20437230096159958, 0.5693114963563755, 0.9276128551883195, 1.3408716689184406, -0.30819389143007864,
                1.522687199417825, -0.1738953350563931, 0.31534715673650926, -0.6455305166314412, 2.7727183109256974,
                1.3086428045982423, 1.5385136934680248],
            [
                0.7629465200993165, 0.3431740807661438, -0.016334175292718054, -0.4193260030819717, 0.1631432958202627,
                -0.8008656494941414, 0.527851079650289, 0.3771784257226255, 0.49998493173824254, 0.022228935423020773,
                -1.4967156305156788, 0.3657322013964687, 0.7614482866879718, 1.4165820863984526, 0.5811425335120991,
                1.3381552291188041, 0.3382286339080376, 0.5507641182868481, 0.3480701795852397, 0.020468834876628917,
                -0.7396221584871516, 0.890980726050929, 0.11612928365908007, 0.5548498183111777, -0.20891939560247222,
                1.0054449807890637, 1.4808912372592562, -0.18319953778576098, 0.12273899656075873, 0.6165656702218961,
                1.3733406970956563, 0.45248030892496194, -0.039041399345682445, 0.21505603357096925,
                -0.0262148904349328, 0.1801275686468877, -0.023565617451635254, 0.8758488182985104, 0.2773951025403213,
                0.8978004309020384, 0.6061426431029437],
            0.13093512198833368 },
        {
            231,
            [
                -1.1105817807782496, 1.5280240109438725, 0.14548544394267265, -0.266946883200291, 0.13588677242147063,
                -1.3091488036305403, 0.8119806780889274, 1.1167506986911002, 0.07835219992789126, -2.341226526405412,
                0.08190694914623392, -1.2671473514330889, 1.5623687396121841, 0.4110871061030314, 0.9647807354119972,
                -1.3889864664602742, 0.7986159287725979, -0.11350030751902365, -0.6027726912998075,
                0.040994330163153736, 0.1114044269016671, 1.1336032932173468, 0.3062086244275823, -1.231741544809567,
                0.09646343104597113, -0.8320708775595252, -2.188274745625371, 0.9113192688994353, 1.4020958237353724,
                -2.0376348267107876, -0.6056053383610638, -1.2537395327075642, -1.5342874598192242, -1.1818648275024002,
                0.9641192741749628, 0.05169084725185509, -0.0220398412107783, -2.7389877241221967, 1.4398239809547002,
                -1.2413762208767956, 0.39195246031530495],
            [
                -0.47740724654477473, 1.3696168076607107, -0.18744838133875555, 0.6162181168139379, 0.1019969721283145,
                1.0617215592538374, -0.45743126350538726, -0.25094705708755555, 0.3827348611348036, 0.16562914762913514,
                2.2222224608539296, 0.447190397720404, 0.49904453441697694, 0.05575711687308729, 0.9325577603582046,
                0.5616889128308704, 1.7671067133930451, 0.33819325267797384, 0.15065526464789927, 1.2627995214320662,
                0.9879476772767408, 1.4551219156550366, 0.23581555816174624, -0.09463488504017782, -0.4018106981719805,
                0.5168270377533862, 1.3825021645361197, 0.5125265391492481, -1.191684643330296, 0.2105963261189398,
                -0.6313548392078643, 1.0168050402477964, 0.885772877185137, 0.30810762087990173, 1.2783700007281709,
                0.24098522135380573, -0.588361303877547, 0.8896087686663315, 1.1279732148874673, 1.0098424524424003,
                -0.3280799623592733],
            0.3110526548957241 },
    };

    [Theory]
    [MemberData(nameof(Floats))]
    public void Normal_floats_of_any_size(ulong seed, float[] last, float[] middle, double after)
    {
        TorchGenerator random = new(seed), shifted = new(seed);
        for (int i = 0; i < s_sizes.Length; i++)
        {
            float[] values = new float[s_sizes[i]];
            random.FillNormal(values);
            if (values.Length < 16) Assert.Equal(last[i], values[^1]);
            else Assert.Equal(last[i], values[^1], BlockFloatTolerance);
            shifted.FillNormal(values, 0.3, 0.7);
            if (values.Length < 16) Assert.Equal(middle[i], values[values.Length / 2]);
            else Assert.Equal(middle[i], values[values.Length / 2], BlockFloatTolerance);
        }

        Assert.Equal(after, random.NextDouble());
    }

    [Theory]
    [MemberData(nameof(Doubles))]
    public void Normal_doubles_of_any_size(ulong seed, double[] last, double[] middle, double after)
    {
        TorchGenerator random = new(seed), shifted = new(seed);
        for (int i = 0; i < s_sizes.Length; i++)
        {
            double[] values = new double[s_sizes[i]];
            random.FillNormal(values);
            Assert.Equal(last[i], values[^1], DoubleTolerance);
            shifted.FillNormal(values, 0.3, 0.7);
            Assert.Equal(middle[i], values[values.Length / 2], DoubleTolerance);
        }

        Assert.Equal(after, random.NextDouble());
    }

    [Theory]
    [InlineData(1ul, new[] { 0.6613521575927734, 0.266924113035202, 0.06167725846171379, 0.5695084929466248,
        0.4387779235839844, 0.6213173286854216, 0.8590085906714707, 3, 1, 2, 4, 0, 0.7055922746658325,
        -1.194824457168579, 6, 4, 3, 0.19152683168289042, -0.18600109219551086, -0.6446393132209778, 382386,
        565490123064, 4114104208, 0.02502315863966942, })]
    [InlineData(7ul, new[] { -0.1467950940132141, 0.7861412763595581, 0.9468216300010681, 0.36531615257263184,
        0.8512683510780334, -1.1143440212610307, 0.4457424104093978, 2, 3, 0, 1, 4, -0.7068324685096741,
        0.021201377734541893, 5, 1, 8, 0.7458496408158991, -0.4375407099723816, -2.1085333824157715, 415161,
        402026626430, 1599380055, -0.36019381880760193, })]
    public void Mixed_calls_consume_what_Torch_consumes(ulong seed, double[] expected)
    {
        var random = new TorchGenerator(seed);
        var got = new List<double>();
        Floats(3, random.FillNormal);
        Floats(2, random.Fill);
        Doubles(2, random.FillNormal);
        got.AddRange(random.Permutation(5).Select(v => (double)v));
        Floats(2, random.FillNormal);
        for (int i = 0; i < 3; i++) got.Add(random.NextInt(10));
        got.Add(random.NextDouble());
        Floats(17, random.FillNormal, keep: 2);
        got.Add(random.NextInt64() % 1000003);
        got.Add(random.RandInt(-5, 1L << 40));
        got.Add(random.RandInt(-5, (1L << 32) - 6));
        Floats(1, random.FillNormal);
        Assert.Equal(expected.Length, got.Count);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], got[i], BlockFloatTolerance);

        void Floats(int count, FillSpan<float> fill, int? keep = null)
        {
            float[] values = new float[count];
            fill(values);
            got.AddRange(values.TakeLast(keep ?? count).Select(v => (double)v));
        }

        void Doubles(int count, FillSpan<double> fill)
        {
            double[] values = new double[count];
            fill(values);
            got.AddRange(values);
        }
    }

    [Fact]
    public void Only_the_lower_32_bits_of_the_seed_count()
    {
        Assert.Equal(new TorchGenerator(3).NextUInt32(), new TorchGenerator((1UL << 40) + 3).NextUInt32());
        var random = new TorchGenerator(1);
        random.NextNormal();
        random.Seed(3);
        Assert.Equal(new TorchGenerator(3).NextNormal(), random.NextNormal());
        Assert.Equal(0.49625658988952637, new TorchGenerator(0).NextSingle());
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        var random = new TorchGenerator(0);
        Assert.Throws<ArgumentOutOfRangeException>(() => random.NextInt(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => random.RandInt(3, 3));
        Assert.Throws<ArgumentOutOfRangeException>(() => random.Permutation(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => random.Choice(0, new int[1]));
    }

    private delegate void FillSpan<T>(Span<T> values);

    /// <summary>The checksum of one call for each size, all from one stream.</summary>
    private static uint Draw<T>(ulong seed, Action<TorchGenerator, T[]> draw) where T : unmanaged
    {
        var random = new TorchGenerator(seed);
        var all = new List<T>();
        foreach (int size in s_sizes)
        {
            var values = new T[size];
            draw(random, values);
            all.AddRange(values);
        }

        return Checksum.Crc32(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(all)));
    }
}
