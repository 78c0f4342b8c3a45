namespace Evenkeel.Cli.Bits;

/// <summary>
/// Every op of the library, in shapes that end in whole and in part packs, stay in one chunk and fall into several. The
/// products are tiny:
/// without hardware FMA each of their terms is emulated.
/// </summary>
internal static class BitsCatalog
{
    public static IReadOnlyList<BitsCase> All { get; } =
    [
        .. ElementwiseBits.Cases,
        .. ReductionBits.Cases,
        .. ProductBits.Cases,
        .. ConvolutionBits.Cases,
        .. NormBits.Cases,
        .. NormLayerBits.Cases,
        .. PoolingBits.Cases,
        .. OptimizerBits.Cases,
        .. TrainingBits.Cases,
        .. RandomBits.Cases,
    ];
}
