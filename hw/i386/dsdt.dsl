/*
 * The fixed part of the PC's ACPI name space: PCI interrupt routing of the PIIX3, and the ISA chips
 * that every board has. What differs between boards (PCI windows, serial ports, HPET, CPUs, sleep
 * states) follows in the same table; acpi_board.c makes it.
 *
 * Source: ACPI specification 3.0; Intel 82371SB (PIIX3) data sheet, PIRQRC[A:D] at 0x60-0x63.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
DefinitionBlock ("dsdt.aml", "DSDT", 1, "XENOLI", "XENOLITH", 0x00000001)
{
    Scope (\_SB)
    {
        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A03"))
            Name (_UID, Zero)

            /* Each slot's four pins go to the four links, which rotate by one from slot to slot. */
            Method (_PRT, 0, NotSerialized)
            {
                Local4 = Package (128) {}
                Local0 = 0 /* 4 * slot + pin */
                While (Local0 < 128)
                {
                    Local1 = Local0 >> 2
                    Local2 = (Local0 + Local1 + 3) & 3
                    If (Local0 == 4)
                    {
                        /* INTA of the PIIX's own slot is power management's SCI, wired to IRQ 9. */
                        Local3 = Package (4) {0, 0, LNKS, 0}
                    }
                    ElseIf (Local2 == 0)
                    {
                        Local3 = Package (4) {0, 0, LNKA, 0}
                    }
                    ElseIf (Local2 == 1)
                    {
                        Local3 = Package (4) {0, 0, LNKB, 0}
                    }
                    ElseIf (Local2 == 2)
                    {
                        Local3 = Package (4) {0, 0, LNKC, 0}
                    }
                    Else
                    {
                        Local3 = Package (4) {0, 0, LNKD, 0}
                    }
                    Local3 [0] = (Local1 << 16) | 0xFFFF
                    Local3 [1] = Local0 & 3
                    Local4 [Local0] = Local3
                    Local0++
                }
                Return (Local4)
            }

            /* PCI hot-plug: slots that were filled, slots to be emptied, slots to eject now. */
            OperationRegion (PCHP, SystemIO, 0xAE00, 0x0C)
            Field (PCHP, DWordAcc, NoLock, WriteAsZeros)
            {
                PCIU, 32,
                PCID, 32,
                B0EJ, 32
            }
            Method (PCEJ, 1, Serialized)
            {
                B0EJ = Arg0
            }

            Device (PX13)
            {
                Name (_ADR, 0x00010003)
            }

            Device (ISA)
            {
                Name (_ADR, 0x00010000)
                OperationRegion (P40C, PCI_Config, 0x60, 0x04)
                Field (P40C, ByteAcc, NoLock, Preserve)
                {
                    PRQ0, 8,
                    PRQ1, 8,
                    PRQ2, 8,
                    PRQ3, 8
                }

                Device (RTC)
                {
                    Name (_HID, EisaId ("PNP0B00"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0070, 0x0070, 0x01, 0x08)
                        IRQNoFlags () {8}
                    })
                }

                Device (PIC)
                {
                    Name (_HID, EisaId ("PNP0000"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0020, 0x0020, 0x01, 0x02)
                        IO (Decode16, 0x00A0, 0x00A0, 0x01, 0x02)
                        IO (Decode16, 0x04D0, 0x04D0, 0x01, 0x02)
                        IRQNoFlags () {2}
                    })
                }

                Device (TIMR)
                {
                    Name (_HID, EisaId ("PNP0100"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0040, 0x0040, 0x01, 0x04)
                        IRQNoFlags () {0}
                    })
                }

                Device (SPKR)
                {
                    Name (_HID, EisaId ("PNP0800"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0061, 0x0061, 0x01, 0x01)
                    })
                }

                Device (COPR)
                {
                    Name (_HID, EisaId ("PNP0C04"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x00F0, 0x00F0, 0x01, 0x10)
                        IRQNoFlags () {13}
                    })
                }
            }
        }

        Device (MRES)
        {
            /* Power management, SMBus, hot-plug, GPE0 and APM ports: nobody else may use them. */
            Name (_HID, EisaId ("PNP0C02"))
            Name (_UID, One)
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0092, 0x0092, 0x01, 0x01)
                IO (Decode16, 0x00B2, 0x00B2, 0x01, 0x02)
                IO (Decode16, 0x0600, 0x0600, 0x01, 0x40)
                IO (Decode16, 0x0700, 0x0700, 0x01, 0x10)
                IO (Decode16, 0xAE00, 0xAE00, 0x01, 0x18)
                IO (Decode16, 0xAFE0, 0xAFE0, 0x01, 0x04)
            })
        }

        /* A PIRQ link's register: bit 7 switches it off, the low four bits are the interrupt. */
        Method (LSTA, 1, NotSerialized)
        {
            If (Arg0 & 0x80)
            {
                Return (0x09)
            }
            Return (0x0B)
        }

        Method (LCRS, 1, Serialized)
        {
            Local0 = ResourceTemplate ()
            {
                Interrupt (, Level, ActiveHigh, Shared) {0}
            }
            CreateDWordField (Local0, 0x05, IRQ)
            If (Arg0 & 0x80)
            {
                IRQ = 0
            }
            Else
            {
                IRQ = Arg0 & 0x0F
            }
            Return (Local0)
        }

        Device (LNKA)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 0)
            Name (_PRS, ResourceTemplate ()
            {
                Interrupt (, Level, ActiveHigh, Shared) {5, 10, 11}
            })
            Method (_STA, 0, NotSerialized)
            {
                Return (LSTA (\_SB.PCI0.ISA.PRQ0))
            }
            Method (_DIS, 0, NotSerialized)
            {
                \_SB.PCI0.ISA.PRQ0 |= 0x80
            }
            Method (_CRS, 0, NotSerialized)
            {
                Return (LCRS (\_SB.PCI0.ISA.PRQ0))
            }
            Method (_SRS, 1, Serialized)
            {
                CreateDWordField (Arg0, 0x05, IRQ)
                \_SB.PCI0.ISA.PRQ0 = IRQ
            }
        }

        Device (LNKB)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 1)
            Name (_PRS, ResourceTemplate ()
            {
                Interrupt (, Level, ActiveHigh, Shared) {5, 10, 11}
            })
            Method (_STA, 0, NotSerialized)
            {
                Return (LSTA (\_SB.PCI0.ISA.PRQ1))
            }
            Method (_DIS, 0, NotSerialized)
            {
                \_SB.PCI0.ISA.PRQ1 |= 0x80
            }
            Method (_CRS, 0, NotSerialized)
            {
                Return (LCRS (\_SB.PCI0.ISA.PRQ1))
            }
            Method (_SRS, 1, Serialized)
            {
                CreateDWordField (Arg0, 0x05, IRQ)
                \_SB.PCI0.ISA.PRQ1 = IRQ
            }
        }

        Device (LNKC)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 2)
            Name (_PRS, ResourceTemplate ()
            {
                Interrupt (, Level, ActiveHigh, Shared) {5, 10, 11}
            })
            Method (_STA, 0, NotSerialized)
            {
                Return (LSTA (\_SB.PCI0.ISA.PRQ2))
            }
            Method (_DIS, 0, NotSerialized)
            {
                \_SB.PCI0.ISA.PRQ2 |= 0x80
            }
            Method (_CRS, 0, NotSerialized)
            {
                Return (LCRS (\_SB.PCI0.ISA.PRQ2))
            }
            Method (_SRS, 1, Serialized)
            {
                CreateDWordField (Arg0, 0x05, IRQ)
                \_SB.PCI0.ISA.PRQ2 = IRQ
            }
        }

        Device (LNKD)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 3)
            Name (_PRS, ResourceTemplate ()
            {
                Interrupt (, Level, ActiveHigh, Shared) {5, 10, 11}
            })
            Method (_STA, 0, NotSerialized)
            {
                Return (LSTA (\_SB.PCI0.ISA.PRQ3))
            }
            Method (_DIS, 0, NotSerialized)
            {
                \_SB.PCI0.ISA.PRQ3 |= 0x80
            }
            Method (_CRS, 0, NotSerialized)
            {
                Return (LCRS (\_SB.PCI0.ISA.PRQ3))
            }
            Method (_SRS, 1, Serialized)
            {
                CreateDWordField (Arg0, 0x05, IRQ)
                \_SB.PCI0.ISA.PRQ3 = IRQ
            }
        }

        Device (LNKS)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 4)
            Name (_PRS, ResourceTemplate ()
            {
                Interrupt (, Level, ActiveHigh, Shared) {9}
            })
            Method (_STA, 0, NotSerialized)
            {
                Return (0x0B)
            }
            Method (_DIS, 0, NotSerialized)
            {
            }
            Method (_CRS, 0, NotSerialized)
            {
                Return (_PRS)
            }
            Method (_SRS, 1, NotSerialized)
            {
            }
        }
    }

    Scope (\_GPE)
    {
        Name (_HID, "ACPI0006")
    }
}
