/*
 * The ACPI device of vmgenid. VGIA is the page that holds the GUID; its value here only marks the
 * place, the address is filled in where the table is put into memory.
 *
 * Source: Microsoft, "Virtual Machine Generation ID".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
DefinitionBlock ("", "SSDT", 1, "XENOLI", "VMGENID", 0x00000001)
{
    Name (VGIA, 0x564D4749)

    Scope (\_SB)
    {
        Device (VGEN)
        {
            /* A method, because iasl wants digits in a name that is not one. */
            Method (_HID, 0, NotSerialized)
            {
                Return ("QEMUVGID")
            }
            Name (_CID, "VM_Gen_Counter")
            Name (_DDN, "VM_Gen_Counter")
            Method (_STA, 0, NotSerialized)
            {
                If (VGIA == 0)
                {
                    Return (0x00)
                }
                Return (0x0F)
            }
            /* The GUID's address, low and high half. */
            Method (ADDR, 0, Serialized)
            {
                Local0 = Package (2) {0, 0}
                Local0 [0] = VGIA + 0x28
                Return (Local0)
            }
        }
    }

    Method (\_GPE._E05, 0, NotSerialized)
    {
        Notify (\_SB.VGEN, 0x80)
    }
}
