using System.Numerics;
using System.Runtime.CompilerServices;

namespace Evenkeel.Kernels;

/// <content>The kernel of each size of a tile.</content>
internal static unsafe partial class GemmMicro
{
    /// <summary>Computes one tile of C with the kernel of its size.</summary>
    /// <remarks>
    /// The second pack of C lies <paramref name="cSecond"/> behind the first, that of B <paramref name="second"/>
    /// behind it.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Tile<T>(
        bool wide, int rows, int packs, nint k, T* a, nint aRow, nint aColumn, T* b, nint bRow, nint second, T* c,
        nint cRow, nint cSecond, T* bias, bool add)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (packs == 2 && wide)
        {
            switch (rows)
            {
                case 1:
                    Tile<T, Count1, Count2>(
                        k, a, aRow, aColumn, b, bRow, second, c, cRow, cSecond, bias, add);
                    return;
                case 2:
                    Tile<T, Count2, Count2>(
                        k, a, aRow, aColumn, b, bRow, second, c, cRow, cSecond, bias, add);
                    return;
                case 3:
                    Tile<T, Count3, Count2>(
                        k, a, aRow, aColumn, b, bRow, second, c, cRow, cSecond, bias, add);
                    return;
                case 4:
                    Tile<T, Count4, Count2>(
                        k, a, aRow, aColumn, b, bRow, second, c, cRow, cSecond, bias, add);
                    return;
                case 5:
                    Tile<T, Count5, Count2>(
                        k, a, aRow, aColumn, b, bRow, second, c, cRow, cSecond, bias, add);
                    return;
                case 6:
                    Tile<T, Count6, Count2>(
                        k, a, aRow, aColumn, b, bRow, second, c, cRow, cSecond, bias, add);
                    return;
                case 7:
                    Tile<T, Count7, Count2>(
                        k, a, aRow, aColumn, b, bRow, second, c, cRow, cSecond, bias, add);
                    return;
                default:
                    Tile<T, Count8, Count2>(
                        k, a, aRow, aColumn, b, bRow, second, c, cRow, cSecond, bias, add);
                    return;
            }
        }

        for (int pack = 0; pack < packs; pack++)
        {
            switch (rows)
            {
                case 1:
                    Tile<T, Count1, Count1>(
                        k, a, aRow, aColumn, b, bRow, second, c, cRow, cSecond, bias, add);
                    break;
                case 2:
                    Tile<T, Count2, Count1>(
                        k, a, aRow, aColumn, b, bRow, second, c, cRow, cSecond, bias, add);
                    break;
                case 3:
                    Tile<T, Count3, Count1>(
                        k, a, aRow, aColumn, b, bRow, second, c, cRow, cSecond, bias, add);
                    break;
                case 4:
                    Tile<T, Count4, Count1>(
                        k, a, aRow, aColumn, b, bRow, second, c, cRow, cSecond, bias, add);
                    break;
                case 5:
                    Tile<T, Count5, Count1>(
                        k, a, aRow, aColumn, b, bRow, second, c, cRow, cSecond, bias, add);
                    break;
                case 6:
                    Tile<T, Count6, Count1>(
                        k, a, aRow, aColumn, b, bRow, second, c, cRow, cSecond, bias, add);
                    break;
                case 7:
                    Tile<T, Count7, Count1>(
                        k, a, aRow, aColumn, b, bRow, second, c, cRow, cSecond, bias, add);
                    break;
                default:
                    Tile<T, Count8, Count1>(
                        k, a, aRow, aColumn, b, bRow, second, c, cRow, cSecond, bias, add);
                    break;
            }

            b += second;
            c += cSecond;
            if (bias != null) bias += cSecond;
        }
    }
}
