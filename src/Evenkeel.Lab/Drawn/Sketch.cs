using System.Runtime.CompilerServices;
using Evenkeel.Random;

namespace Evenkeel.Lab.Drawn;

/// <summary>
/// A small canvas on which the synthetic sets draw: filled polygons, ellipses and strokes with smooth edges, one to
/// three channels of numbers.
/// </summary>
/// <remarks>
/// A pixel counts four scan lines, each with the exact share it covers. Only + - * / and comparisons of doubles are
/// used, so the bits are the same on every machine.
/// Shapes are given in units of the figure (u to the right, v down) and placed by an affine map.
/// </remarks>
internal sealed class Sketch
{
    private const int Lines = 4;
    private const int MostCorners = 64;

    private readonly double[] _x = new double[MostCorners];
    private readonly double[] _y = new double[MostCorners];
    private readonly double[] _crossings = new double[MostCorners];
    private readonly double[] _cover;
    private double _xu = 1, _xv, _x0, _yu, _yv = 1, _y0;
    private int _top, _bottom;

    public Sketch(int height, int width, int channels)
    {
        (Height, Width) = (height, width);
        Values = new double[channels][];
        for (int c = 0; c < channels; c++) Values[c] = new double[height * width];
        _cover = new double[height * width];
        (_top, _bottom) = (height, 0);
    }

    public int Height { get; }

    public int Width { get; }

    /// <summary>The picture: levels from 0 to 255, (H, W) a channel.</summary>
    public double[][] Values { get; }

    /// <summary>Empties picture and cover.</summary>
    public void Clear()
    {
        foreach (double[] plane in Values) plane.AsSpan().Clear();
        _cover.AsSpan().Clear();
        (_top, _bottom) = (Height, 0);
    }

    /// <summary>
    /// Where the figure lies: its origin in pixels, pixels per unit along u and v, turned (in turns) and then sheared
    /// along u.
    /// </summary>
    public void Place(double x, double y, double scaleU, double scaleV, double turn, double shear = 0)
    {
        (double sin, double cos) = ScalarMath.SinCosTurns(turn < 0 ? turn + 1 : turn);
        (_x0, _y0) = (x, y);
        (_xu, _xv) = (scaleU * cos, scaleV * (shear * cos - sin));
        (_yu, _yv) = (scaleU * sin, scaleV * (shear * sin + cos));
    }

    /// <summary>The figure's coordinates of a place in pixels.</summary>
    public (double U, double V) ToFigure(double x, double y)
    {
        double det = _xu * _yv - _xv * _yu, dx = x - _x0, dy = y - _y0;
        return ((dx * _yv - dy * _xv) / det, (dy * _xu - dx * _yu) / det);
    }

    /// <summary>Covers a polygon: u, v, u, v, ... of its corners; parts wound twice are left out (even-odd).</summary>
    public Sketch Polygon(params ReadOnlySpan<double> corners)
    {
        int n = corners.Length / 2;
        for (int i = 0; i < n; i++) Corner(i, corners[2 * i], corners[2 * i + 1]);
        Cover(n);
        return this;
    }

    /// <summary>
    /// Covers a polygon and its mirror image at u = 0 as one shape: the corners of the right half, from top to bottom.
    /// </summary>
    public Sketch Mirrored(params ReadOnlySpan<double> corners)
    {
        int n = corners.Length / 2;
        for (int i = 0; i < n; i++)
        {
            Corner(i, corners[2 * i], corners[2 * i + 1]);
            Corner(2 * n - 1 - i, -corners[2 * i], corners[2 * i + 1]);
        }

        Cover(2 * n);
        return this;
    }

    /// <summary>Covers a disk or, with an inner share above 0, a ring.</summary>
    public Sketch Ellipse(double u, double v, double radiusU, double radiusV, double inner = 0)
    {
        const int Corners = 24;
        int n = 0;
        for (int i = 0; i <= Corners; i++) Round(n++, i, 1);
        if (inner > 0)
        {
            for (int i = Corners; i >= 0; i--) Round(n++, i, inner);
        }

        Cover(n);
        return this;

        void Round(int at, int i, double share)
        {
            (double sin, double cos) = ScalarMath.SinCosTurns(i / (double)Corners);
            Corner(at, u + share * radiusU * cos, v + share * radiusV * sin);
        }
    }

    /// <summary>
    /// Covers a line of segments, each as wide as given, through u, v, u, v, ...; segments overlap at their ends by
    /// half the width.
    /// </summary>
    public Sketch Stroke(double width, params ReadOnlySpan<double> points)
    {
        for (int i = 0; i + 3 < points.Length; i += 2)
        {
            double u = points[i], v = points[i + 1], du = points[i + 2] - u, dv = points[i + 3] - v;
            double length = Math.Sqrt(du * du + dv * dv);
            if (length == 0) continue;
            double alongU = 0.5 * width * du / length, alongV = 0.5 * width * dv / length;
            (u, v, du, dv) = (u - alongU, v - alongV, du + 2 * alongU, dv + 2 * alongV);
            Corner(0, u - alongV, v + alongU);
            Corner(1, u + du - alongV, v + dv + alongU);
            Corner(2, u + du + alongV, v + dv - alongU);
            Corner(3, u + alongV, v - alongU);
            Cover(4);
        }

        return this;
    }

    /// <summary>Paints what is covered over what is there, and forgets the cover.</summary>
    public void Paint(params ReadOnlySpan<double> colour)
    {
        for (int c = 0; c < Values.Length; c++)
        {
            double[] values = Values[c];
            double level = colour[Math.Min(c, colour.Length - 1)];
            for (int i = _top * Width; i < _bottom * Width; i++)
            {
                if (_cover[i] != 0) values[i] += Math.Min(_cover[i], 1) * (level - values[i]);
            }
        }

        Forget();
    }

    /// <summary>Multiplies what is there by a factor where it is covered, and forgets the cover.</summary>
    public void Shade(double factor)
    {
        for (int i = _top * Width; i < _bottom * Width; i++)
        {
            if (_cover[i] == 0) continue;
            double by = 1 + Math.Min(_cover[i], 1) * (factor - 1);
            foreach (double[] plane in Values) plane[i] *= by;
        }

        Forget();
    }

    private void Forget()
    {
        if (_top < _bottom) _cover.AsSpan(_top * Width, (_bottom - _top) * Width).Clear();
        (_top, _bottom) = (Height, 0);
    }

    private void Corner(int i, double u, double v) =>
        (_x[i], _y[i]) = (_x0 + _xu * u + _xv * v, _y0 + _yu * u + _yv * v);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Cover(int n)
    {
        double low = _y[0], high = _y[0];
        for (int i = 1; i < n; i++)
        {
            low = Math.Min(low, _y[i]);
            high = Math.Max(high, _y[i]);
        }

        int first = Math.Clamp((int)low, 0, Height), last = high <= 0 ? 0 : Math.Clamp((int)high + 1, 0, Height);
        _top = Math.Min(_top, first);
        _bottom = Math.Max(_bottom, last);
        for (int row = first; row < last; row++)
        {
            Span<double> cover = _cover.AsSpan(row * Width, Width);
            for (int line = 0; line < Lines; line++)
            {
                double y = row + (line + 0.5) / Lines;
                int crossings = 0;
                for (int i = 0, j = n - 1; i < n; j = i++)
                {
                    double from = _y[j], to = _y[i];
                    if (from <= y == to <= y) continue;
                    double x = _x[j] + (_x[i] - _x[j]) * ((y - from) / (to - from));
                    int at = crossings++;
                    for (; at > 0 && _crossings[at - 1] > x; at--) _crossings[at] = _crossings[at - 1];
                    _crossings[at] = x;
                }

                for (int i = 0; i + 1 < crossings; i += 2) AddRun(cover, _crossings[i], _crossings[i + 1]);
            }
        }
    }

    private void AddRun(Span<double> cover, double from, double to)
    {
        from = Math.Max(from, 0);
        to = Math.Min(to, Width);
        if (!(from < to)) return;
        int first = (int)from, last = Math.Min((int)to, Width - 1);
        if (first == last)
        {
            cover[first] += (to - from) / Lines;
            return;
        }

        cover[first] += (first + 1 - from) / Lines;
        for (int x = first + 1; x < last; x++) cover[x] += 1.0 / Lines;
        cover[last] += (to - last) / Lines;
    }
}
