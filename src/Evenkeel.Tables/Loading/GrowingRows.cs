using System.Numerics;

namespace Evenkeel.Tables;

/// <summary>A tensor of rows that come one after the other.</summary>
internal sealed class GrowingRows<T>
    where T : unmanaged, INumber<T>
{
    private readonly string _name;
    private readonly int _width;
    private Tensor _rows;
    private int _length;

    /// <summary>Makes room.</summary>
    /// <param name="name">What errors call the table.</param>
    /// <param name="width">Numbers per row.</param>
    /// <param name="rows">The expected number of rows. If it is right, nothing is copied again.</param>
    public GrowingRows(string name, int width, long rows)
    {
        (_name, _width) = (name, width);
        _rows = Make(rows);
    }

    /// <summary>Adds rows.</summary>
    public void Add(ReadOnlySpan<T> values)
    {
        if (_length + values.Length > _rows.Count) Resize(Math.Max(_length + (long)values.Length, _length * 3L / 2));
        values.CopyTo(_rows.AsSpan<T>()[_length..]);
        _length += values.Length;
    }

    /// <summary>The rows, (N, width); (N) if <paramref name="areLabels"/>.</summary>
    public Tensor ToTensor(bool areLabels = false)
    {
        if (_length != _rows.Count) Resize(_length);
        return areLabels ? _rows.Reshape([_rows.Count]) : _rows;
    }

    private void Resize(long length)
    {
        Tensor larger = Make((length + _width - 1) / _width);
        _rows.AsSpan<T>()[.._length].CopyTo(larger.AsSpan<T>());
        _rows = larger;
    }

    private static DType TypeOf() => typeof(T) == typeof(long) ? DType.Int64
        : typeof(T) == typeof(double) ? DType.Float64 : DType.Float32;

    private Tensor Make(long rows)
    {
        if (rows * _width > int.MaxValue)
        {
            throw new InvalidDataException($"{TableText.Reader}: expected at most {int.MaxValue} numbers, \"{_name}\" "
                + $"has {rows} rows of {_width} inputs. Split the file, or leave out columns with --drop.");
        }

        return Tensor.Zeros([(int)rows, _width], TypeOf());
    }
}
